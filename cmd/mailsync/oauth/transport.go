package oauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxAnswer bounds an answer of the provider, in bytes. The largest tokens have some KB.
const maxAnswer = 256 << 10

// newTransport connects as other programs of the user do, through $HTTPS_PROXY too.
func newTransport(timeout time.Duration) http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    timeout,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true, // the next question is an hour away
		ForceAttemptHTTP2:      true,
	}
}

// errGarbage: an answer that is not one of OAuth.
var errGarbage = errors.New("the answer is not one of an OAuth provider")

// bound is a transport whose answers are read at once, up to a bound and within a time.
type bound struct {
	to      http.RoundTripper
	ctx     context.Context // the library asks for a device code without one
	timeout time.Duration
	objects bool // an answer that is no error has to be an object of JSON
}

// RoundTrip reads the whole answer.
func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(b.ctx, b.timeout)
	defer cancel()
	resp, err := b.to.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if closed := resp.Body.Close(); err == nil {
		err = closed
	}
	good := resp.StatusCode/100 == 2
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", errGarbage, maxAnswer)
	case good && b.objects && !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")):
		return nil, fmt.Errorf("%w: it is of type %q", errGarbage, resp.Header.Get("Content-Type"))
	}
	if b.objects {
		resp.Header.Set("Content-Type", "application/json") // whatever it says it is
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
