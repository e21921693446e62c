package pop3

import (
	"testing"

	"mailsync/internal/testkit/contract"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/sync/port"
)

// What POP3 can do, it does as the port says: with unique-ids and without, ahead of answers
// and one by one.
func TestReading(t *testing.T) {
	for name, caps := range map[string][]string{"all": script.DefaultCaps, "no PIPELINING": {"UIDL", "USER", "TOP"}, "no CAPA": nil} {
		t.Run(name, func(t *testing.T) {
			contract.Reading(t, func(t *testing.T, bodies []string) port.Server {
				box := script.NewBox(bodies...)
				box.Caps = caps
				return meet(t, script.New(t, script.Healthy(box, nil)))
			})
		})
	}
}
