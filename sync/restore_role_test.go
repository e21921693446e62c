package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// furnish gives a server mailboxes, "Name" or "Name=role", with commas between.
func furnish(s *mem.Server, list string, each func(raw string)) {
	for one := range strings.SplitSeq(list, ", ") {
		raw, role, _ := strings.Cut(one, "=")
		if raw != "INBOX" {
			s.Create(raw)
		}
		s.Change(raw, func(m *mem.Mailbox) { m.Role = role })
		each(raw)
	}
}

// A mailbox's role is what its server said, and its name where that said nothing.
func TestRestoreMapsByRole(t *testing.T) {
	for name, c := range map[string]struct {
		here, there string
		labels      bool
		only        string // the one mailbox that is restored; "" all
		want        string // which went where
	}{
		"German to English": {here: "Gesendete Elemente=sent, Ablage=archive, Mist=junk", there: "Sent=sent, Archive=archive, Spam=junk",
			want: "Ablage to Archive; Gesendete Elemente to Sent; Mist to Spam"},
		"what was said comes before a name": {here: "Sent, Ausgang=sent", there: "Gesendet=sent",
			want: "Ausgang to Gesendet; Sent to Sent"},
		"a name says nothing against what was said": {here: "Sent=archive, Drafts", there: "Ausgang=sent, Ablage=archive, Entwurf=drafts",
			want: "Drafts to Entwurf; Sent to Ablage"},
		"nothing was said": {here: "Sent, Archiv", there: "Ausgang=sent, Ablage=archive",
			want: "Archiv to Ablage; Sent to Ausgang"},
		"two have the role, one the name of the server's": {here: "Sent=sent, Verschickt=sent", there: "Verschickt=sent",
			want: "Sent to Sent; Verschickt to Verschickt"},
		"two have the role, one a usual name": {here: "Archive=sent, Sent Messages=sent, Sent=sent", there: "Ausgang=sent",
			want: "Archive to Archive; Sent Messages to Sent Messages; Sent to Ausgang"},
		"two have the role, here and there": {here: "Sent=sent, Sent Messages=sent", there: "Sent Messages=sent, Sent=sent",
			want: "Sent Messages to Sent Messages; Sent to Sent"},
		"the server has no such role": {here: "Ausgang=sent", there: "Sent, Archive=archive", want: "Ausgang to Ausgang"},
		"a view takes no mail": {here: "Alles=all, Wichtig=important", there: "All=all, Important=important",
			want: "Alles to Alles; Wichtig to Wichtig"},
		"a label does": {here: "Alles=all, Wichtig=important", there: "All=all, Important=important", labels: true,
			want: "Alles to All; Wichtig to Important"},
		"INBOX is INBOX": {here: "INBOX=archive", there: "Archive=archive", want: "INBOX to INBOX"},
		"one alone goes where it goes with all": {here: "Sent, Ausgang=sent, Sent Items", there: "Gesendet=sent", only: "Sent",
			want: "Sent to Sent"},
		"one alone, and nothing was said": {here: "Sent, Sent Items", there: "Gesendet=sent", only: "Sent Items",
			want: "Sent Items to Sent Items"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab()
			p := newPort(l)
			p.server.Labels = c.labels
			furnish(l.server, c.here, func(raw string) {
				l.server.Change(raw, func(m *mem.Mailbox) { m.Add("Subject: "+raw+"\r\n\r\n", 1) })
			})
			furnish(p.server, c.there, func(string) {})
			l.clean(t)
			p.change = func(r *restore.Restore) {
				for i := range r.From {
					if c.only != "" && r.From[i].Name != c.only {
						r.From[i].Maildir = nil
					}
				}
			}
			r := p.restore(t, nil)
			if r.Fatal != nil || len(r.Problems) > 0 {
				t.Fatal(r.Fatal, r.Problems)
			}
			var got []string
			for _, b := range r.Boxes {
				for _, from := range b.From {
					if b.Appended > 0 {
						got = append(got, fmt.Sprintf("%s to %s", from, b.To))
					}
				}
			}
			slices.Sort(got)
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("went %q, want %q", s, c.want)
			}
		})
	}
}

// Sources tells the roles that are remembered, in the state and without it, of mailboxes that are not meant too.
func TestSourcesKnowRoles(t *testing.T) {
	l := roled()
	l.clean(t)
	for _, base := range []*mem.Base{l.base, mem.NewBase()} {
		all, problems, err := restore.Sources(t.Context(), memory{base}, l.verify().Tree, nil,
			func(row state.MailboxRow) []string { return strings.Split(row.Path, "/") },
			func(row state.MailboxRow) bool { return row.Use == "sent" })
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		var got []string
		for _, s := range all {
			got = append(got, fmt.Sprintf("%s=%s %v", s.Name, s.Role, s.Maildir != nil))
		}
		slices.Sort(got)
		if want := []string{"Ausgang=sent true", "Entwürfe=drafts false", "INBOX= false", "Work= false"}; !slices.Equal(got, want) {
			t.Errorf("the sources are %q, want %q", got, want)
		}
	}
}

// A mailbox that is gone on the server is made again with its role, unless another one has that by now. A
// pattern by role means it too.
func TestRestoreHomeMakesMailboxesWithTheirRoles(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*lab)
		role    string
	}{
		"vacant":                   {func(*lab) {}, "sent"},
		"taken":                    {func(l *lab) { l.give("Work", "sent") }, ""},
		"the server tells no uses": {func(l *lab) { l.server.NoUses = true }, "sent"},
	} {
		t.Run(name, func(t *testing.T) {
			l := roled()
			l.clean(t)
			c.happens(l)
			lost := len(l.onServer("Ausgang"))
			l.server.Drop("Ausgang")
			l.change = func(a *port.Account) {
				a.Include = func(m state.Listed) bool { return m.Role == "sent" }
			}
			r := l.home(nil, nil)
			if r.Fatal != nil || len(r.Problems) > 0 || r.Appended != lost {
				t.Fatalf("%d appended of %d: %v %v", r.Appended, lost, r.Fatal, r.Problems)
			}
			l.server.Change("Ausgang", func(m *mem.Mailbox) {
				if m.Role != c.role {
					t.Errorf("it was made with the role %q, want %q", m.Role, c.role)
				}
			})
		})
	}
}
