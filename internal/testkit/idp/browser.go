package idp

import (
	"io"
	"net/http"
	"testing"
)

// Browse does what a browser does with an address: it goes wherever it is sent. It returns the status
// and the text of the page at which it ends, and that page's address.
func Browse(t testing.TB, address string) (status int, text, at string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Request.URL.String()
}
