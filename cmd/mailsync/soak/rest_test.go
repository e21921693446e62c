//go:build unix

package soak

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// runsToRest is how many runs without trouble may be needed until there is nothing to do.
// The last of them is the one that says so.
const runsToRest = 5

// rest has the program come to rest, on a good network and alone, and holds both sides
// against what the users want.
func (s *soak) rest(after string) {
	s.t.Helper()
	s.weather(false)
	var runs []outcome
	for {
		o := s.run(program.Interruption{}, "sync", "--json")
		runs = append(runs, o)
		if o.idle() {
			break
		}
		if len(runs) == runsToRest {
			for _, o := range append(runs, s.run(program.Interruption{}, "sync", "-vv", "--json"), s.run(program.Interruption{}, "sync", "-v", "--dry-run", "--full")) {
				s.t.Logf("%v%s", o, o.Stdout)
			}
			s.t.Fatalf("after %s: %d runs, and it is not at rest", after, len(runs))
		}
	}
	s.figures.rested(len(runs))
	before := s.entries()
	if o := s.run(program.Interruption{}, "sync", "--json"); !o.idle() {
		s.t.Errorf("after %s: a run that follows an idle one is not idle: %v", after, o)
	}
	if now := s.entries(); !maps.Equal(before, now) {
		s.t.Errorf("after %s: an idle run changed something here:\n%s", after, difference(lines(before), lines(now)))
	}
	s.verify(after)
	s.compare()
	s.collected()
	s.tidy()
	if s.t.Failed() {
		for _, o := range runs {
			s.t.Log(o)
		}
		s.t.Log(s.figures.recent())
		s.t.Fatalf("after %s", after)
	}
	s.figures.checks++
	if s.model.wild {
		s.cleanUp()
		s.model.begin()
		s.rest("cleaning up")
		return
	}
	s.model.begin()
}

// verify has the program compare everything too. It may find nothing but the mailboxes
// that a user deleted on the server, whose mail is still here.
func (s *soak) verify(after string) {
	s.t.Helper()
	o := s.run(program.Interruption{}, "verify", "--server")
	found := fmt.Sprintf("verify found %d difference", s.model.unlisted)
	if o.Code == 0 && s.model.unlisted == 0 || o.Code == 7 && strings.Contains(o.Stderr, found) &&
		strings.Count(o.Stdout, "unlisted: the server has no such mailbox any more") == s.model.unlisted {
		return
	}
	s.t.Errorf("after %s: %v%s", after, o, o.Stdout)
}

// idle reports whether a run found nothing to do.
func (o outcome) idle() bool {
	for _, name := range []string{"work", "isp"} {
		a := o.accounts[name]
		if a.Did() != 0 || a.Status != "ok" || a.Unchanged != a.Mailboxes {
			return false
		}
	}
	return o.Code == 0
}

// entries is all that an idle run could change on disk without being seen, but for the
// state directories, in which the last run is noted.
func (s *soak) entries() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for _, root := range []string{s.root, s.popRoot, s.archive} {
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) && p == root {
				return nil
			}
			if err != nil {
				return err
			}
			if d.Name() == ".mailsync" {
				return fs.SkipDir
			}
			info, err := d.Info()
			if err == nil {
				all[p] = fmt.Sprint(info.Sys().(*syscall.Stat_t).Ino, info.ModTime(), info.Size(), info.Mode())
			}
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return all
}

func lines(m map[string]string) (all []string) {
	for k, v := range m {
		all = append(all, k+" "+v)
	}
	return all
}

// difference is what stands in one list and not in the other.
func difference(want, got []string) string {
	var b strings.Builder
	for _, w := range slices.Sorted(slices.Values(want)) {
		if !slices.Contains(got, w) {
			fmt.Fprintf(&b, "- %s\n", w)
		}
	}
	for _, g := range slices.Sorted(slices.Values(got)) {
		if !slices.Contains(want, g) {
			fmt.Fprintf(&b, "+ %s\n", g)
		}
	}
	return b.String()
}

// onServer reads every mailbox.
func (s *soak) onServer() view {
	s.t.Helper()
	v := view{}
	list, err := s.actor.Do(`LIST "" *`)
	if err != nil {
		s.t.Fatal(err)
	}
	listed := 0
	for _, r := range list {
		if strings.HasPrefix(r.Text, "* LIST") && !strings.Contains(strings.ToLower(r.Text), `\noselect`) {
			listed++
		}
	}
	if listed != len(s.model.boxes) {
		s.t.Errorf("the server has %d mailboxes, and the users want %v: %v", listed, s.model.boxes, list)
	}
	for _, box := range s.model.boxes {
		mails, err := s.actor.Read(corpus.WireName(box), true)
		if err != nil {
			s.t.Fatalf("%s: %v", box, err)
		}
		for _, m := range mails {
			name := nameIn(m.Body)
			if msg := s.model.messages[name]; msg == nil || msg.body != string(m.Body) {
				s.t.Errorf("UID %d in %s on the server holds what nobody wrote: %q", m.UID, box, m.Body[:min(len(m.Body), 200)])
				continue
			}
			var f flags
			for _, flag := range m.Flags {
				f |= flagNamed(flag)
			}
			v.add(name, spot{box, f, m.Date.Unix()})
		}
	}
	return v
}

func nameIn(body []byte) string {
	if m := subject.FindSubmatch(body[:min(len(body), 256)]); m != nil {
		return string(m[1])
	}
	return ""
}

// ours is a file's name as the program gives it: octets on disk, octets sent.
var ours = regexp.MustCompile(`\.mailsync,S=(\d+),W=(\d+)`)

// sent is what the server sent of a file: its name tells whether CRLF became LF.
func sent(path string, body []byte) string {
	if m := ours.FindStringSubmatch(filepath.Base(path)); m != nil && m[1] == m[2] {
		return string(body)
	}
	return string(bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")))
}

// onDisk reads every Maildir below a root. box, if not "", stands for all mailboxes.
func (s *soak) onDisk(root, box string) view {
	s.t.Helper()
	v := view{}
	u := s.someone(0, 0)
	for _, f := range u.files(root) {
		body, err := os.ReadFile(f.path)
		if err != nil {
			s.t.Fatal(err)
		}
		info, err := os.Stat(f.path)
		if err != nil {
			s.t.Fatal(err)
		}
		if msg := s.model.messages[f.name]; msg == nil || msg.body != sent(f.path, body) {
			s.t.Errorf("%s holds what nobody wrote: %q", f.path, body[:min(len(body), 200)])
			continue
		}
		where := f.box
		if box != "" {
			where = box
		}
		words, err := filepath.Rel(s.root, filepath.Join(root, f.maildir))
		if err != nil {
			s.t.Fatal(err)
		}
		v.add(f.name, spot{where, flagsOf(f.info, u.words(words)), info.ModTime().Unix()})
	}
	return v
}

// compare holds server, disk and archive against the model. What both sides hold of a
// contested message becomes what the users want.
func (s *soak) compare() {
	s.t.Helper()
	server, disk, archive := s.onServer(), s.onDisk(s.root, ""), s.onDisk(s.archive, away)
	want := map[string]view{"there": s.model.expected(both), "here": s.model.expected(both, only), away: s.model.expected(archived)}
	trash := s.trashed()
	told := 0
	for _, name := range s.model.names() {
		msg := s.model.messages[name]
		half := msg.halfSeen()
		same := func(got, want []spot) bool { return slices.Equal(except(got, half), except(want, half)) }
		var wrong string
		switch {
		case s.model.wild && msg.worked():
			if !msg.deleted && (len(server[name]) == 0 || len(disk[name]) == 0) && len(archive[name]) == 0 {
				wrong = "lost"
			}
		case s.model.archiving && s.old(msg):
			wrong = s.filed(msg, server[name], disk[name], archive[name])
		case msg.contested:
			wrong = s.settle(msg, server[name], disk[name])
		case !same(server[name], want["there"][name]) || !same(disk[name], want["here"][name]) || !same(archive[name], want[away][name]):
			wrong = "not what the users want"
		case msg.deleted && msg.placed == there && msg.had && len(msg.copies) == 0 && !trash[name]:
			wrong = "deleted on the server, and its file is not in the trash"
		case half != 0:
			if !slices.Equal(server[name], want["there"][name]) {
				s.figures.count("messages whose move was seen by half, so that a flag was lost")
			}
			wrong = s.settle(msg, server[name], disk[name])
		}
		if wrong == "" {
			continue
		}
		if told++; told < 10 {
			s.t.Errorf("%s: %s\nthere %v here %v away %v, wanted there %v here %v away %v\n%s", name, wrong, server[name], disk[name], archive[name],
				want["there"][name], want["here"][name], want[away][name], strings.Join(msg.log, "\n"))
		}
	}
	s.figures.count("messages compared", s.model.live())
}

// filed takes over what became of an old message while an archive run was on, and says
// what is wrong with it.
func (s *soak) filed(msg *message, server, disk, archive []spot) (wrong string) {
	many := 0
	for _, c := range msg.copies {
		if c.where != only {
			many++
		}
	}
	alone := msg.placed == nobody && !msg.contested && !s.model.wild
	if msg.deleted = msg.deleted || len(archive) > 0; alone && len(server)+len(archive) != many {
		return "not once on both sides or in the archive"
	}
	msg.copies = slices.DeleteFunc(msg.copies, func(c *copied) bool { return c.where == archived })
	if wrong = s.settle(msg, server, disk); wrong != "" {
		return wrong
	}
	for _, c := range archive {
		msg.copies = append(msg.copies, &copied{c.box, c.flags, archived})
	}
	return ""
}

// cleanUp is what the users do after a wild window: what does not lie alike on both sides they
// delete on both.
func (s *soak) cleanUp() {
	s.t.Helper()
	u := s.someone(0, 0)
	server, disk, archive := s.onServer(), s.onDisk(s.root, ""), s.onDisk(s.archive, away)
	drop := map[string]bool{}
	for name, msg := range s.model.messages {
		if !msg.worked() {
			continue
		}
		alike := slices.Equal(server[name], msg.shared(disk[name]))
		msg.copies = slices.DeleteFunc(msg.copies, func(c *copied) bool { return c.where != only })
		for _, c := range archive[name] {
			msg.copies = append(msg.copies, &copied{c.box, c.flags, archived})
		}
		for _, c := range server[name] {
			if alike {
				msg.copies = append(msg.copies, &copied{c.box, c.flags, both})
			} else {
				u.expungeAll(name, c.box)
			}
		}
		drop[name] = !alike
		s.model.say(name, "after a wild window: there %v, here %v", server[name], disk[name])
	}
	for _, f := range u.files(s.root) {
		if drop[f.name] && slices.Contains(s.model.boxes, f.box) {
			if err := os.Remove(f.path); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// expungeAll deletes what a mailbox on the server has of a message.
func (u *user) expungeAll(name, box string) {
	u.do("SELECT " + servers.Quote(corpus.WireName(box)))
	for _, r := range u.do("UID SEARCH HEADER Message-ID <" + name + "@soak>") {
		for _, uid := range strings.Fields(strings.TrimPrefix(r.Text, "* SEARCH")) {
			u.do("UID STORE " + uid + ` +FLAGS (\Deleted)`)
			u.do("UID EXPUNGE " + uid)
		}
	}
	u.do("UNSELECT")
}

// shared is what of a message on disk should be on the server too.
func (msg *message) shared(disk []spot) []spot {
	return slices.DeleteFunc(slices.Clone(disk), func(d spot) bool {
		return slices.ContainsFunc(msg.copies, func(c *copied) bool { return c.where == only && c.box == d.box })
	})
}

// settle takes over what both sides made of a message, and says what is wrong with it. A
// copy that is not on both sides stays as it is.
func (s *soak) settle(msg *message, server, disk []spot) (wrong string) {
	apart := slices.DeleteFunc(slices.Clone(msg.copies), func(c *copied) bool { return c.where == both })
	disk = msg.shared(disk)
	if !slices.Equal(server, disk) {
		return "the sides differ"
	}
	if len(server)+len(apart) == 0 && !msg.deleted {
		return "lost"
	}
	if msg.contested && len(server) > 1 {
		s.figures.count("contested messages that ended as two or more")
	}
	msg.copies = apart
	for _, l := range server {
		msg.copies = append(msg.copies, &copied{l.box, l.flags, both})
	}
	msg.log = append(msg.log, fmt.Sprintf("settled as %v", server))
	return ""
}

// trashed are the messages in the trash.
func (s *soak) trashed() map[string]bool {
	s.t.Helper()
	all := map[string]bool{}
	dir := filepath.Join(s.root, ".mailsync", "trash")
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			s.t.Fatal(err)
		}
		all[nameIn(body)] = true
	}
	s.figures.trash = len(entries)
	return all
}

// collected holds the POP3 account against the model: everything that came is here once,
// unless the user removed it, and has left the server.
func (s *soak) collected() {
	s.t.Helper()
	left, err := s.popActor.Read("INBOX", false)
	if err != nil || len(left) > 0 {
		s.t.Errorf("%d messages are left on the POP3 server: %v", len(left), err)
	}
	has := map[string]int{}
	for _, f := range s.someone(0, 0).files(s.popRoot) {
		body, err := os.ReadFile(f.path)
		if err != nil {
			s.t.Fatal(err)
		}
		if c := s.model.mail[f.name]; c == nil || c.body != sent(f.path, body) {
			s.t.Errorf("%s holds what nobody sent", f.path)
		}
		has[f.name]++
	}
	for name, c := range s.model.mail {
		if want := map[bool]int{false: 1, true: 0}[c.removed]; has[name] != want {
			s.t.Errorf("%s, collected: %d times here, not %d", name, has[name], want)
		}
	}
}

// besideMail are the files of a Maildir that are no messages. The lock of a run that was
// killed is broken by the next program that wants it.
var besideMail = []string{"mailsync.marker", "dovecot-keywords", "dovecot-uidlist.lock"}

// tidy looks for what should not lie about: in tmp, beside the Maildirs, in the trash
// longer than it is kept.
func (s *soak) tidy() {
	s.t.Helper()
	for _, root := range []string{s.root, s.popRoot, s.archive} {
		dirs, err := maildirs(root)
		if err != nil {
			s.t.Fatal(err)
		}
		for rel := range dirs {
			for _, e := range s.list(filepath.Join(root, rel, "tmp")) {
				s.t.Errorf("%s/tmp/%s is left", rel, e)
			}
			for _, e := range s.list(filepath.Join(root, rel)) {
				info, err := os.Stat(filepath.Join(root, rel, e))
				if err == nil && !info.IsDir() && !slices.Contains(besideMail, e) {
					s.t.Errorf("%s/%s is a stray", rel, e)
				}
			}
		}
	}
	for _, e := range s.list(filepath.Join(s.root, ".mailsync", "trash")) {
		stamp, _, _ := strings.Cut(e, ".")
		ns, err := time.ParseDuration(stamp + "ns")
		if since := time.Duration(time.Now().UnixNano()) - ns; err != nil || since > trashKeep+s.window+time.Minute {
			s.t.Errorf("the trash holds %s, for %v", e, since)
		}
	}
	for _, e := range s.list(s.dir) {
		if !slices.Contains([]string{"work", "isp", "archive", "config.toml", "xdg-state"}, e) {
			s.t.Errorf("%s lies outside of the Maildirs", e)
		}
	}
}

// list is what a folder holds, nothing if there is none.
func (s *soak) list(dir string) (names []string) {
	s.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
