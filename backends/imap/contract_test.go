package imap

import (
	"fmt"
	"strings"
	"testing"

	"mailsync/backends/reach"
	"mailsync/internal/testkit/contract"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/servers"
	"mailsync/sync/port"
)

const packed = "compressed over TLS: "

// Real servers of every dialect keep what the port promises.
func TestServersKeepThePort(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...servers.Option) *servers.Server{
		packed + "Dovecot": servers.Dovecot, packed + "Cyrus": servers.Cyrus, "Courier": servers.Courier,
		"Exchange-like": func(t testing.TB, _ ...servers.Option) *servers.Server {
			return servers.Dovecot(t, servers.ExchangeLike())
		},
		"Cyrus without extensions": func(t testing.TB, _ ...servers.Option) *servers.Server {
			return servers.Cyrus(t, servers.InboxPrefix(), servers.Hide("CONDSTORE", "QRESYNC", "OBJECTID", "LIST-STATUS", "MOVE"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t)
			var free []string
			for i := range 20 { // Courier reads its users once
				free = append(free, fmt.Sprintf("user%d", i))
				srv.AddUser(free[i])
			}
			contract.Server(t, func(t *testing.T) port.Server {
				user := free[0]
				free = free[1:]
				o := meet(srv, reach.None)
				if strings.HasPrefix(name, packed) {
					o = meet(srv, reach.Implicit)
					o.Compress = CompressAlways
				}
				return account(t, o, func(o *Options) { o.User, o.Connections = user, 2 })
			})
		})
	}
}

// The scripted server that the tests are made with is one, too.
func TestReading(t *testing.T) {
	contract.Reading(t, func(t *testing.T, bodies []string) port.Server {
		acct := script.NewAccount()
		for _, body := range bodies {
			acct.Mailbox("INBOX").Append(body)
		}
		return account(t, options(script.Every(t, script.Healthy(acct, nil))))
	})
}
