package pop3

import (
	"context"
	"testing"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
)

// A password that is refused is asked for again as long as there may be another one.
func TestLoginAsksAgain(t *testing.T) {
	box := script.NewBox()
	box.Caps = []string{"USER", "UIDL"}
	srv := script.New(t, script.Healthy(box, script.Answers{"PASS": func(p *script.Peer, _ string) bool {
		p.Send("-ERR [AUTH] wrong")
		return true
	}}))
	asked := 0
	a := meet(t, srv, func(o *Options) {
		o.Secret = func(context.Context) (reach.Secret, error) {
			asked++
			return reach.Secret{Password: "secret"}, nil
		}
		o.Again = func(error) bool { return asked < 3 }
	})
	if _, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"}); state.KindOf(err) != state.Login || asked != 3 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}
