package oauth

import (
	"context"
	"net/http"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"mailsync/state"
)

// device logs in by device code; what the user does with the code is then's.
func (l *lab) device(then func(Code)) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(l.Context(), 30*time.Second)
	defer cancel()
	return l.source().Device(ctx, then)
}

// The user enters the code at once, or after the provider wanted to be asked less often and was gone
// for a while.
func TestDevice(t *testing.T) {
	l := newLab(t).withSecret()
	token, err := l.device(func(c Code) {
		l.hidden(c.Address + c.Code)
		if !l.Enter(c.Code, true) || c.Until.Before(time.Now()) {
			t.Errorf("%+v", c)
		}
	})
	if err != nil || !l.Valid(token.AccessToken) || !l.Refresh(token.RefreshToken) {
		t.Errorf("got %v", err)
	}
}

func TestDeviceIsPatient(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	l := newLab(t)
	l.Meddle(func(w http.ResponseWriter, r *http.Request) bool {
		switch l.Asked("device_code") {
		case 1: // it was told to wait
			l.Meddle(func(w http.ResponseWriter, r *http.Request) bool { // and now the network is gone, once
				l.Meddle(nil)
				panic(http.ErrAbortHandler)
			})
		}
		return false
	})
	began := time.Now()
	token, err := l.device(func(c Code) {
		l.Slow(1)
		l.Enter(c.Code, true)
	})
	if err != nil || !l.Valid(token.AccessToken) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took < 7*time.Second { // 1, and 5 more after slow_down (RFC 8628 section 3.5)
		t.Errorf("it was asked again after %v", took)
	}
}

func TestDeviceEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	for name, c := range map[string]struct {
		then  func(*lab, Code)
		kind  state.Kind
		words string
	}{
		"refused":  {func(l *lab, c Code) { l.Enter(c.Code, false) }, state.Login, "access was denied"},
		"too late": {func(l *lab, _ Code) { l.EndDevices() }, state.Login, "the code has ended before it was entered"},
		"unknown": {func(l *lab, _ Code) {
			l.Meddle(func(w http.ResponseWriter, _ *http.Request) bool {
				answers(400, "application/json", `{"error":"authorization_declined"}`)(w, nil)
				return true
			})
		}, state.Login, "access was denied"},
		"wrong client": {func(l *lab, _ Code) { l.Provider.Secret = true }, state.Login, "does not accept the client"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			_, err := l.device(func(code Code) { c.then(l, code) })
			l.fails(err, c.kind, c.words)
		})
	}
}

func TestDeviceCannotBegin(t *testing.T) {
	l := newLab(t)
	for name, body := range map[string]string{
		"null": "null", "nothing": "", "a page": "<html>", "an empty object": "{}", "without an address": `{"device_code":"x","user_code":"y"}`,
	} {
		l.Meddle(func(w http.ResponseWriter, _ *http.Request) bool {
			answers(200, "application/json", body)(w, nil)
			return true
		})
		_, err := l.device(func(Code) { t.Errorf("%s: a code was shown", name) })
		l.fails(err, state.Unreachable, "not one of an OAuth provider")
	}
	l.options.DeviceURL = ""
	_, err := l.device(func(Code) { t.Error("a code was shown") })
	l.fails(err, state.Usage, "offers none")
}

// Numbers that make no sense are put right: a code must not end before it began, nor be asked for
// without a pause.
func TestDeviceNumbers(t *testing.T) {
	l := newLab(t)
	for body, interval := range map[string]int64{
		`"interval":-5,"expires_in":-1`: 1, `"interval":0,"expires_in":0`: 5, `"interval":100000,"expires_in":999999999999`: 60,
	} {
		l.Meddle(func(w http.ResponseWriter, _ *http.Request) bool {
			answers(200, "application/json", `{"device_code":"x","user_code":"y","verification_uri":"https://z.example",`+body+`}`)(w, nil)
			return true
		})
		s := l.source()
		conf, err := s.config(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.deviceCode(t.Context(), conf)
		if err != nil || got.Interval != interval || time.Until(got.Expiry) < 10*time.Minute || time.Until(got.Expiry) > time.Hour {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

func TestDeviceIsInterrupted(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := state.Faultf(state.Interrupted, "interrupted")
	if _, err := l.source().Device(ctx, func(Code) { cancel(why) }); err != why {
		t.Errorf("while waiting: %v", err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	l.Meddle(func(_ http.ResponseWriter, r *http.Request) bool { cancel(why); <-r.Context().Done(); return true })
	if _, err := l.source().Device(ctx, func(Code) {}); err != why {
		t.Errorf("while asking: %v", err)
	}
}
