package imap

import (
	"slices"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// quotaOf scans three mailboxes, all expected, does something, and returns how often the quota was asked for by then, what it is,
// and how often it was asked for in all.
func quotaOf(t *testing.T, answer script.Answer, since map[string]state.Mark, then func(*Account)) (early, all int, roots []state.Quota, err error) {
	t.Helper()
	acct := three()
	acct.Caps = "IMAP4rev1 AUTH=PLAIN QUOTA UIDPLUS CONDSTORE MOVE UNSELECT"
	srv := script.Every(t, script.Healthy(acct, script.Answers{"GETQUOTAROOT": answer}))
	a := account(t, options(srv), func(o *Options) { o.Quota = true })
	out, snaps := scanned(t, a, requests(acct, since, nil), true)
	if slices.Contains(snaps, nil) {
		t.Fatalf("scans: %q", out)
	}
	if then != nil {
		then(a)
	}
	a.expected.work.Wait()
	early = sent(srv, "GETQUOTAROOT *")
	roots, err = a.Quota(t.Context(), "INBOX")
	return early, sent(srv, "GETQUOTAROOT *"), roots, err
}

// A run that only fetches does not wait for its quota at the end. What is sent to the server makes it unknown again.
func TestQuotaIsAskedForWithTheScans(t *testing.T) {
	want := []state.Quota{{Root: "all", Used: 1 << 10, Limit: 2 << 10}}
	good := answer(`* QUOTAROOT INBOX all`, `* QUOTA all (STORAGE 1 2)`, "$tag OK done")
	for _, c := range []struct {
		name       string
		since      map[string]state.Mark
		then       func(*Account)
		early, all int
	}{
		{"new messages", nil, nil, 1, 1},
		{"flags", nil, func(a *Account) {
			_, err := a.Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Keywords: state.NewKeywords(nil),
				Changes: []state.FlagChange{{UID: 1, Add: state.Seen}}})
			if err != nil {
				t.Error(err)
			}
		}, 1, 1},
		{"a message is sent", nil, func(a *Account) {
			if _, err := a.Append(t.Context(), "INBOX", []state.Outgoing{outgoing("text", 0, state.NoDate)}, nil); err != nil {
				t.Error(err)
			}
		}, 1, 2},
		{"a mailbox is made", nil, func(a *Account) {
			if _, err := a.CreateMailbox(t.Context(), []string{"New"}, ""); err != nil {
				t.Error(err)
			}
		}, 1, 2},
		{"a long time", nil, func(a *Account) {
			a.expected.work.Wait()
			a.quota.known = a.quota.known.Add(-2 * time.Minute)
		}, 1, 2},
		{"nothing new", marks(three()), nil, 0, 1},
	} {
		early, all, roots, err := quotaOf(t, good, c.since, c.then)
		if err != nil || !slices.Equal(roots, want) || early != c.early || all != c.all {
			t.Errorf("%s: asked %d times early and %d in all, expected %d and %d: %v, %v", c.name, early, all, c.early, c.all, roots, err)
		}
	}
}

// marks are what the mailboxes of an account have now.
func marks(acct *script.Account) map[string]state.Mark {
	all := map[string]state.Mark{}
	for _, x := range requests(acct, nil, nil) {
		all[x.Raw] = x.Now
	}
	return all
}

// A server that does not answer the question answers the scans all the same, and is not asked again.
func TestQuotaThatCannotBeHad(t *testing.T) {
	for name, said := range map[string]script.Answer{
		"NO": answer("$tag NO not for you"), "BAD": answer("$tag BAD what?"),
		"it hangs up":   func(p *script.Peer, _ script.Command) bool { p.Close(); return true },
		"it says BYE":   func(p *script.Peer, _ script.Command) bool { p.Send("* BYE no"); p.Close(); return true },
		"it is garbled": answer("* QUOTA ((", "$tag NO sorry"),
	} {
		early, all, _, err := quotaOf(t, said, nil, nil)
		if early != 1 || all != 1 || err == nil {
			t.Errorf("%s: asked %d times early and %d in all, %v", name, early, all, err)
		}
	}
}
