//go:build unix

package soak

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// side is who did something last.
type side int

const (
	nobody side = iota
	there       // on the server
	here        // on disk
)

func (s side) String() string { return [...]string{"nobody", "there", "here"}[s] }

// A model is what the users want. Each message has a name in its subject, by which it is
// known on both sides. Between two pauses, a *window*, one side alone moves, copies or
// deletes a message, once, and each of its flags is one side's: so it is sure what has to
// come of it. A few are *contested*: both sides do as they like, and what has to come of
// it is only that both hold the same, and hold it unless somebody deleted it.
//
// In a *wild* window the state is lost in the midst of it. What nobody worked with is as it
// was; of all else it is only sure that neither side lost it.
//
// Where an archive run is on while they work, an old message is on both sides or in the
// archive.
type model struct {
	mu       sync.Mutex // held for each thing that a user does
	seed     uint64
	window   int
	next     int
	messages map[string]*message
	boxes    []string // on the server
	made     int      // mailboxes so far
	wild     bool     // the state was lost in this window
	// archiving says that an archive run was on in this window.
	archiving bool
	unlisted  int // mailboxes that were deleted on the server and held mail
	mail      map[string]*collected
}

// message is one that a user knows, and its copies.
type message struct {
	body      string // as the server has it
	date      int64
	copies    []*copied
	placed    side // who moved, copied or deleted it in this window
	created   side // who made it in this window
	again     bool // and had made, moved or copied it before in this window
	contested bool
	deleted   bool     // in this window, by somebody
	had       bool     // both sides had it when the window began
	touched   [3]flags // that a side changed in this window
	vague     flags    // keywords that were removed, and a program's name without any letter does not show that
	log       []string
}

// copied is a message in one mailbox.
type copied struct {
	box   string
	flags flags
	where where
}

// where is on which sides a copy has to be.
type where string

const (
	both     where = "both"
	only     where = "only here" // its mailbox was deleted on the server
	archived where = "archived"
)

// collected is a message of the POP3 account.
type collected struct {
	body    string
	removed bool // by the user, here
	had     bool // it was here at the last pause
}

func newModel(seed uint64) *model {
	return &model{seed: seed, messages: map[string]*message{}, mail: map[string]*collected{}, boxes: []string{"INBOX", "Archive", "Drafts"}}
}

// flags are the flags that the users set, as bits.
type flags uint16

// flagNames are what they are called; letters are those of a file's name, in the same
// order, 0 for a keyword.
var (
	flagNames = []string{`\Seen`, `\Answered`, `\Flagged`, `\Draft`, `\Deleted`, "$Forwarded", "Work", "$Junk", "Later"}
	letters   = []byte("SRFDTP\x00\x00\x00")
)

const seen, flagged flags = 1, 4

func flagNamed(name string) flags {
	for i, n := range flagNames {
		if strings.EqualFold(n, name) {
			return 1 << i
		}
	}
	return 0
}

func (f flags) names() (all []string) {
	for i, n := range flagNames {
		if f&(1<<i) != 0 {
			all = append(all, n)
		}
	}
	return all
}

// owner is whose a flag of a message is in this window.
func (m *model) owner(name string, bit int) side {
	if msg := m.messages[name]; msg.created != nobody {
		return msg.created
	}
	h := fnv.New32a()
	fmt.Fprint(h, m.seed, m.window, name, bit)
	return there + side(h.Sum32()&1)
}

// add makes a message known.
func (m *model) add(by side, box, body string, date int64, f flags, name string) {
	m.messages[name] = &message{body: body, date: date, created: by, copies: []*copied{{box, f, both}}}
	m.say(name, "is put into %s by %v with %v", box, by, f.names())
}

// say notes what happened to a message.
func (m *model) say(name, format string, args ...any) {
	msg := m.messages[name]
	msg.log = append(msg.log, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// in is the copy of a message in a mailbox, nil where there is none.
func (msg *message) in(box string) *copied {
	for _, c := range msg.copies {
		if c.box == box && c.where == both {
			return c
		}
	}
	return nil
}

// sole is the one copy of a message, nil where there are others, or it is not on both sides.
func (msg *message) sole() *copied {
	if len(msg.copies) != 1 || msg.copies[0].where != both {
		return nil
	}
	return msg.copies[0]
}

// worked reports whether a user did anything with a message in this window.
func (msg *message) worked() bool {
	return msg.contested || msg.deleted || msg.placed != nobody || msg.created != nobody || msg.touched[here]|msg.touched[there] != 0
}

// begin opens the next window: what both sides hold is settled.
func (m *model) begin() {
	m.window++
	m.wild, m.archiving = false, false
	for name, msg := range m.messages {
		if len(msg.copies) == 0 {
			delete(m.messages, name)
			continue
		}
		msg.placed, msg.created, msg.contested, msg.deleted, msg.had = nobody, nobody, false, false, true
		msg.again, msg.touched, msg.vague = false, [3]flags{}, 0
	}
	for name, c := range m.mail {
		if c.removed {
			delete(m.mail, name)
			continue
		}
		c.had = true
	}
}

// live is how many messages are on both sides.
func (m *model) live() (n int) {
	for _, msg := range m.messages {
		for _, c := range msg.copies {
			if c.where == both {
				n++
			}
		}
	}
	return n
}

// spot is a copy of a message as it lies somewhere.
type spot struct {
	box   string
	flags flags
	date  int64
}

func (s spot) String() string { return fmt.Sprintf("%s %v %d", s.box, s.flags.names(), s.date) }

// view is what lies somewhere of each message, sorted.
type view map[string][]spot

func (v view) add(name string, s spot) {
	v[name] = append(v[name], s)
	slices.SortFunc(v[name], func(a, b spot) int { return cmp.Or(strings.Compare(a.box, b.box), cmp.Compare(a.flags, b.flags)) })
}

// away is the one mailbox that all archives count as.
const away = "the archive"

// expected is what has to lie somewhere.
func (m *model) expected(wheres ...where) view {
	v := view{}
	for name, msg := range m.messages {
		for _, c := range msg.copies {
			if slices.Contains(wheres, c.where) {
				box := c.box
				if c.where == archived {
					box = away
				}
				v.add(name, spot{box, c.flags, msg.date})
			}
		}
	}
	return v
}

// except is all spots without some flags.
func except(all []spot, f flags) []spot {
	all = slices.Clone(all)
	for i := range all {
		all[i].flags &^= f
	}
	slices.SortFunc(all, func(a, b spot) int { return cmp.Or(strings.Compare(a.box, b.box), cmp.Compare(a.flags, b.flags)) })
	return all
}

// halfSeen are flags of a message that may have gone with its old copy, or of which a name does not show whether they
// were removed.
func (msg *message) halfSeen() flags {
	switch msg.placed {
	case there:
		return msg.touched[here] | msg.vague
	case here:
		return msg.touched[there] | msg.vague
	}
	return msg.vague
}

// keywords are those among flags whose letters are in dovecot-keywords.
func (f flags) keywords() (some flags) {
	for bit := range flagNames {
		if letters[bit] == 0 {
			some |= f & (1 << bit)
		}
	}
	return some
}

// names are those of all messages, sorted.
func (m *model) names() []string { return slices.Sorted(maps.Keys(m.messages)) }
