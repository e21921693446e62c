package oauth

import (
	"context"
	"time"

	"golang.org/x/oauth2"

	"mailsync/state"
)

const (
	// deviceWait is how long a user may take where the provider does not tell.
	deviceWait = 15 * time.Minute
	// maxInterval bounds what a provider asks for between two questions, in seconds.
	maxInterval = 60
)

// Code is what a user enters in a browser, on any machine.
type Code struct {
	Address string    // the page for it
	Code    string    // to enter there
	Until   time.Time // its end
}

// Device gets tokens by a code that the user enters in a browser anywhere (RFC 8628). show is called
// with it. It returns when the user is done, or the code has ended.
func (s *Source) Device(ctx context.Context, show func(Code)) (*oauth2.Token, error) {
	const doing = "log in by device code"
	if s.DeviceURL == "" {
		return nil, state.Faultf(state.Usage, "%s: the provider of account %s offers none", doing, s.Account).
			WithHint("log in without --device; where this machine has no browser, open the address elsewhere and forward the port: see the reference")
	}
	conf, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	given, err := s.deviceCode(ctx, conf)
	if err != nil {
		return nil, s.fault(ctx, doing, s.DeviceURL, err)
	}
	s.Secrets.Keep(given.DeviceCode)
	show(Code{given.VerificationURI, given.UserCode, given.Expiry})
	for {
		token, err := s.ask(ctx, conf, func(ctx context.Context, conf *oauth2.Config) (*oauth2.Token, error) {
			return conf.DeviceAccessToken(ctx, given) // it asks until the user is done
		})
		if err == nil {
			return token, nil
		}
		// A connection that fails ends nothing: it is tried again, less often (RFC 8628 section 3.5).
		fault := s.deviceFault(ctx, doing, err)
		if state.KindOf(fault) != state.Unreachable || !s.Now().Before(given.Expiry) {
			return nil, fault
		}
		given.Interval = min(2*given.Interval, maxInterval)
	}
}

// deviceCode asks for the code, and puts limits to what it may ask of us.
func (s *Source) deviceCode(ctx context.Context, conf *oauth2.Config) (*oauth2.DeviceAuthResponse, error) {
	// Some providers want the client's secret here too.
	var params []oauth2.AuthCodeOption
	if conf.ClientSecret != "" {
		params = append(params, oauth2.SetAuthURLParam("client_secret", conf.ClientSecret))
	}
	given, err := conf.DeviceAuth(s.with(ctx), params...)
	if err != nil {
		return nil, err
	}
	if given.DeviceCode == "" || given.UserCode == "" || given.VerificationURI == "" {
		return nil, errGarbage
	}
	now := s.Now()
	if end := now.Add(deviceWait); given.Expiry.IsZero() || given.Expiry.After(end.Add(deviceWait)) || given.Expiry.Before(now) {
		given.Expiry = end
	}
	if given.Interval == 0 {
		given.Interval = 5 // RFC 8628 section 3.2
	}
	given.Interval = max(1, min(given.Interval, maxInterval))
	return given, nil
}

// deviceFault is fault for an answer to a device code.
func (s *Source) deviceFault(ctx context.Context, doing string, err error) error {
	code, _ := refusal(err)
	if ctx.Err() == nil && (code == "expired_token" || code == "invalid_grant" || code == "" && err == context.DeadlineExceeded) {
		return state.Faultf(state.Login, "%s: the code has ended before it was entered", doing).WithHint("run it again, and enter the new code in time")
	}
	if code == "access_denied" || code == "authorization_declined" { // which Microsoft says
		return s.refused(doing, hostOf(s.TokenURL), "access_denied", "", 0)
	}
	return s.fault(ctx, doing, s.TokenURL, err)
}
