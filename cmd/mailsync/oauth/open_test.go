package oauth

import (
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
)

func TestBrowsers(t *testing.T) {
	const at = "https://x.example/?a=b&c=%20d"
	for name, c := range map[string]struct {
		system string
		env    map[string]string
		want   [][]string
	}{
		"Linux":          {"linux", map[string]string{"DISPLAY": ":0"}, [][]string{{"xdg-open", at}}},
		"Wayland":        {"freebsd", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, [][]string{{"xdg-open", at}}},
		"without screen": {"linux", nil, nil},
		"chosen":         {"linux", map[string]string{"BROWSER": "firefox -P mail:: w3m --x=%s :"}, [][]string{{"firefox", "-P", "mail", at}, {"w3m", "--x=" + at}}},
		"macOS":          {"darwin", nil, [][]string{{"open", at}}},
		"Windows":        {"windows", map[string]string{"BROWSER": `C:\x.exe`}, [][]string{{"rundll32", "url.dll,FileProtocolHandler", at}}},
	} {
		got := browsers(c.system, func(k string) string { return c.env[k] }, at)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A browser that does not exist is no error: the next is tried.
func TestOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has one browser")
	}
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("BROWSER", "/no/such/browser:true")
	if !Open("https://x.example") {
		t.Error("none was started")
	}
	t.Setenv("BROWSER", "/no/such/browser")
	if Open("https://x.example") != (runtime.GOOS == "darwin") {
		t.Error("one was started")
	}
}

// token_command is run for each log-in, and one that has nothing better than what was refused is named.
func TestHelper(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the command is for a Unix shell")
	}
	count := filepath.Join(t.TempDir(), "n")
	h := &Helper{Source: secret.Source{Key: "token_command", Command: []string{"sh", "-c", "echo x >>" + count + "; echo Bearer token-$(wc -l <" + count + " | tr -d ' ')"}}}
	for i := 1; i <= 3; i++ {
		token, err := h.Token(t.Context())
		if err != nil || token != "token-"+strconv.Itoa(i) {
			t.Errorf("%q %v", token, err)
		}
		h.Refused(token)
	}
	same := &Helper{Source: secret.Source{Key: "token_command", Command: []string{"echo", "token-of-yesterday"}}}
	token, err := same.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same.Refused(token)
	_, err = same.Token(t.Context())
	if state.KindOf(err) != state.Login || !strings.Contains(err.Error(), "token_command: it printed the token again") || strings.Contains(err.Error(), token) {
		t.Errorf("got %v", err)
	}
}
