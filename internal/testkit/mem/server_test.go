package mem_test

import (
	"testing"

	"mailsync/internal/testkit/contract"
	"mailsync/internal/testkit/mem"
	"mailsync/sync/port"
)

func TestServer(t *testing.T) {
	contract.Server(t, func(*testing.T) port.Server { return mem.NewServer() })
}

func TestReading(t *testing.T) {
	contract.Reading(t, func(_ *testing.T, bodies []string) port.Server {
		s := mem.NewServer()
		s.Change("INBOX", func(m *mem.Mailbox) {
			for i, body := range bodies {
				m.Add(body, 1_700_000_000+int64(i))
			}
		})
		return s
	})
}
