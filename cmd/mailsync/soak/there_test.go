//go:build unix

package soak

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/servers"
)

// user is one at work: on the server, or on disk.
type user struct {
	*soak
	r *rand.Rand
}

// workThere does one thing on the server.
func (u *user) workThere() {
	crowd := u.model.live()
	switch n := u.r.IntN(100); {
	case n < 22 && crowd < 500:
		u.arrives()
	case n < 30:
		u.collected()
	case n < 70:
		u.flagThere()
	case n < 80:
		u.expunge()
	case n < 93:
		u.moveThere()
	case n < 97:
		u.copyThere()
	case len(u.model.boxes) < 9 && u.r.IntN(10) == 0:
		u.model.made++
		u.create(fmt.Sprintf("There/Box%d", u.model.made))
	}
}

// do sends a command that has to succeed.
func (u *user) do(command string, literals ...[]byte) []servers.Response {
	responses, err := u.actor.Do(command, literals...)
	if err != nil {
		u.t.Errorf("a user on the server: %v", err)
	}
	return responses
}

// fresh is a message that was not there before.
func (u *user) fresh() (name, body string, date int64) {
	u.model.next++
	name = fmt.Sprintf("m%d", u.model.next)
	octets := 1 << u.r.IntN(12)
	if u.r.IntN(60) == 0 {
		octets = 300 << 10
	}
	filler := strings.Repeat("All work and no play makes ada a dull girl.\r\n", octets/45+1)
	body = fmt.Sprintf("Message-ID: <%s@soak>\r\nFrom: ada@example.org\r\nSubject: %s.\r\n\r\n%s", name, name, filler[:octets])
	if !strings.HasSuffix(body, "\n") && u.r.IntN(4) > 0 {
		body = strings.TrimSuffix(body, "\r") + "\r\n"
	}
	if strings.HasSuffix(body, "\r") {
		body += "\n"
	}
	age := time.Duration(u.r.Int64N(int64(300 * 24 * time.Hour)))
	if u.r.IntN(5) == 0 {
		age += 500 * 24 * time.Hour
	}
	return name, body, u.begun.Add(-age).Unix()
}

func (u *user) someFlags() (f flags) {
	for i := range flagNames {
		if u.r.IntN(4) == 0 && flagNames[i] != `\Deleted` {
			f |= 1 << i
		}
	}
	return f
}

// create makes a mailbox on the server.
func (u *user) create(box string) {
	u.do("CREATE " + servers.Quote(corpus.WireName(box)))
	u.model.boxes = append(u.model.boxes, box)
}

func (u *user) arrives() {
	box := u.model.boxes[u.r.IntN(len(u.model.boxes))]
	name, body, date := u.fresh()
	f := u.someFlags()
	if err := u.actor.Append(corpus.WireName(box), f.names(), time.Unix(date, 0), []byte(body)); err != nil {
		if !gone(err) {
			u.t.Errorf("append: %v", err)
		}
		return
	}
	u.model.add(there, box, body, date, f, name)
	u.figures.count("messages that came to the server")
}

// gone reports whether a mailbox that a user made here is not there yet.
func gone(err error) bool {
	return strings.Contains(err.Error(), "exist") || strings.Contains(err.Error(), "TRYCREATE")
}

// collected is mail for the POP3 account.
func (u *user) collected() {
	name, body, date := u.fresh()
	if !strings.HasSuffix(body, "\r\n") {
		body += "\r\n" // POP3 ends each line of an answer
	}
	if err := u.popActor.Append("INBOX", nil, time.Unix(date, 0), []byte(body)); err != nil {
		u.t.Errorf("append: %v", err)
		return
	}
	u.model.mail[name] = &collected{body: body}
	u.figures.count("messages to be collected")
}

// found is a message as a user meets it on the server.
type found struct {
	box   string
	uid   string
	name  string
	flags flags
}

var (
	uidItem   = regexp.MustCompile(`\bUID (\d+)`)
	flagsItem = regexp.MustCompile(`\bFLAGS \(([^)]*)\)`)
	subject   = regexp.MustCompile(`Subject: (m\d+)\.`)
)

// meet selects a mailbox and picks a message.
func (u *user) meet() (found, bool) {
	box := u.model.boxes[u.r.IntN(len(u.model.boxes))]
	if _, err := u.actor.Do("SELECT " + servers.Quote(corpus.WireName(box))); err != nil {
		if !gone(err) {
			u.t.Errorf("a user on the server: %v", err)
		}
		return found{}, false
	}
	var all []found
	for _, r := range u.do("UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])") {
		uid := uidItem.FindStringSubmatch(r.Text)
		if uid == nil || len(r.Literals) == 0 {
			continue
		}
		if s := subject.FindSubmatch(r.Literals[0]); s != nil {
			all = append(all, found{box, uid[1], string(s[1]), flagsIn(r.Text)})
		}
	}
	if len(all) == 0 {
		return found{}, false
	}
	f := all[u.r.IntN(len(all))]
	return f, u.model.messages[f.name] != nil
}

// flagsIn reads the flags of a FETCH response.
func flagsIn(text string) (f flags) {
	if m := flagsItem.FindStringSubmatch(text); m != nil {
		for _, name := range strings.Fields(m[1]) {
			f |= flagNamed(name)
		}
	}
	return f
}

// contest makes a few messages contested, and reports whether one is.
func (u *user) contest(msg *message) bool {
	if msg.had && u.r.IntN(40) == 0 && !msg.contested && !slices.ContainsFunc(msg.copies, func(c *copied) bool { return c.where != both }) {
		msg.contested = true
		u.figures.count("messages that both sides contested")
	}
	return msg.contested
}

func (u *user) flagThere() {
	f, ok := u.meet()
	if !ok {
		return
	}
	msg := u.model.messages[f.name]
	c := msg.in(f.box)
	if c == nil && msg.placed == here {
		c = msg.sole()
	}
	contested := u.contest(msg)
	bit := u.r.IntN(len(flagNames))
	if !contested && (c == nil || u.model.owner(f.name, bit) != there) {
		return
	}
	sign := "+"
	if f.flags&(1<<bit) != 0 {
		sign = "-"
	}
	echoed := false
	for _, r := range u.do(fmt.Sprintf("UID STORE %s %sFLAGS (%s)", f.uid, sign, flagNames[bit])) {
		if uid := uidItem.FindStringSubmatch(r.Text); uid != nil && uid[1] == f.uid {
			echoed = true
		}
	}
	if !echoed {
		return // it went meanwhile
	}
	u.figures.count("flags changed on the server")
	u.model.say(f.name, "UID %s in %s on the server: %s%s", f.uid, f.box, sign, flagNames[bit])
	msg.touched[there] |= 1 << bit
	if c != nil {
		c.flags ^= c.flags & (1 << bit)
		if sign == "+" {
			c.flags |= 1 << bit
		}
	}
}

// mayPlace reports whether a side may move, copy or delete a message, and its copy.
func (u *user) mayPlace(by side, name, box string) (c *copied, ok bool) {
	msg := u.model.messages[name]
	if u.contest(msg) {
		return msg.in(box), true
	}
	c = msg.in(box)
	if c == nil || msg.placed != nobody && msg.placed != by || msg.created != nobody && msg.created != by {
		return nil, false
	}
	msg.again = msg.placed == by || msg.created == by
	// A file that was just put here changes its name once it is sent: who moves or copies it in
	// that moment may have moved only one of its two names.
	msg.contested = msg.created == here
	msg.placed = by
	return c, true
}

// remove takes a copy out of the model. Where it was made or moved in this window, a run may
// have been about to say so, and finds no file: then the message comes back.
func (msg *message) remove(c *copied) {
	msg.deleted = true
	msg.contested = msg.contested || msg.again
	msg.copies = slices.DeleteFunc(msg.copies, func(o *copied) bool { return o == c })
}

func (u *user) expunge() {
	f, ok := u.meet()
	if !ok {
		return
	}
	c, ok := u.mayPlace(there, f.name, f.box)
	if !ok {
		return
	}
	u.do(fmt.Sprintf(`UID STORE %s +FLAGS (\Deleted)`, f.uid))
	u.do("UID EXPUNGE " + f.uid)
	u.model.say(f.name, "UID %s in %s is expunged on the server", f.uid, f.box)
	u.model.messages[f.name].remove(c)
	u.figures.count("messages deleted on the server")
}

// elsewhere is another mailbox for a message, one that has no copy of it.
func (u *user) elsewhere(name string, boxes []string) (string, bool) {
	to := boxes[u.r.IntN(len(boxes))]
	return to, u.model.messages[name].in(to) == nil
}

func (u *user) moveThere() {
	f, ok := u.meet()
	if !ok {
		return
	}
	to, free := u.elsewhere(f.name, u.model.boxes)
	if !free || to == f.box || u.status(to) != nil {
		return
	}
	c, ok := u.mayPlace(there, f.name, f.box)
	if !ok {
		return
	}
	if u.r.IntN(2) == 0 {
		u.do("UID MOVE " + f.uid + " " + servers.Quote(corpus.WireName(to)))
	} else {
		u.do("UID COPY " + f.uid + " " + servers.Quote(corpus.WireName(to)))
		u.do(fmt.Sprintf(`UID STORE %s +FLAGS.SILENT (\Deleted)`, f.uid))
		u.do("UID EXPUNGE " + f.uid)
	}
	u.model.say(f.name, "UID %s is moved from %s to %s on the server", f.uid, f.box, to)
	if c != nil {
		c.box = to
	}
	u.figures.count("messages moved on the server")
}

func (u *user) status(box string) error {
	_, err := u.actor.Do("STATUS " + servers.Quote(corpus.WireName(box)) + " (MESSAGES)")
	return err
}

func (u *user) copyThere() {
	f, ok := u.meet()
	if !ok {
		return
	}
	to, free := u.elsewhere(f.name, u.model.boxes)
	if !free || to == f.box || u.status(to) != nil {
		return
	}
	if _, ok := u.mayPlace(there, f.name, f.box); !ok {
		return
	}
	u.do("UID COPY " + f.uid + " " + servers.Quote(corpus.WireName(to)))
	u.model.say(f.name, "UID %s in %s is copied to %s on the server", f.uid, f.box, to)
	msg := u.model.messages[f.name]
	msg.copies = append(msg.copies, &copied{to, f.flags, both})
	u.figures.count("messages copied on the server")
}
