package pop3

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"

	"mailsync/state"
)

// Numbers gives every message a UID. It is the Keys of the account's Maildirs as well:
// the key in a file's name is made of what identifies its message on the server, so that
// a lost state is rebuilt from the names. Its methods are safe for concurrent use.
//
// The base keeps the numbers as [state.UIDL] values. Their text is the server's unique-id
// as it came, or, after a line feed, which no unique-id holds, one of these:
//
//	P<key>                              a message that is known from a file's name alone, or
//	                                    has a unique-id that is too long to be kept
//	D<digest> <count> [<fingerprint>]   a message without a unique-id of its own
//
// UIDs below 2^31 are given in order to what the server lists, and never again to anything
// else while the mailbox's UIDNEXT is kept. Above are those that are
// known from a file's name alone: taken from the key itself, they are the same in the next run
// even where nobody could save them.
type Numbers struct {
	mu     sync.Mutex
	load   func() ([]state.UIDL, error) // what the base knows; nil: it is here
	failed error                        // of load
	byKey  map[key]state.UID
	byUID  map[state.UID]named
	next   uint32
	given  []state.UIDL
	had    bool              // messages here have unique-ids, by the base or by the files that a lost one left
	atText map[state.UID]int // index in given
}

// named is the message of one number.
type named struct {
	key  key
	text string // as in state.UIDL
}

const (
	keySize  = 26
	fromFile = 1 << 31 // the first UID of what is known from a file's name alone
	// longestKept is the longest unique-id that is kept as it is; RFC 1939 section 7 allows 70
	// octets. What is longer is known by its key.
	longestKept = 255
)

// key is the first 26 base32 characters of a SHA-256.
type key [keySize]byte

var errNoNumbers = errors.New("this account has used up its numbers")

// NewNumbers returns numbers that know what the base keeps.
func NewNumbers(known []state.UIDL) *Numbers {
	return LoadNumbers(func() ([]state.UIDL, error) { return known, nil })
}

// LoadNumbers returns numbers that read what the base keeps when they are first asked for something: a run in which the
// server lists what it did does not ask.
func LoadNumbers(load func() ([]state.UIDL, error)) *Numbers { return &Numbers{load: load, next: 1} }

// Load reads what the base keeps, if that was not done. Where it cannot be read nobody may go on: what is known would look like new.
func (n *Numbers) Load() error {
	n.lock()
	defer n.mu.Unlock()
	return n.failed
}

// lock keeps others off, once the numbers know what the base keeps.
func (n *Numbers) lock() {
	n.mu.Lock()
	if n.load == nil {
		return
	}
	known, err := n.load()
	n.load, n.failed = nil, err
	n.byKey = make(map[key]state.UID, len(known))
	n.byUID = make(map[state.UID]named, len(known))
	n.atText = map[state.UID]int{}
	for _, u := range known {
		k := keyOfText(u.UIDL)
		if _, twice := n.byKey[k]; !twice {
			n.byKey[k] = u.UID
		}
		n.byUID[u.UID] = named{k, u.UIDL}
		n.had = n.had || !strings.HasPrefix(u.UIDL, "\nD")
		n.keepOff(u.UID)
	}
}

// keepOff sees that a number in use is not given again.
func (n *Numbers) keepOff(uid state.UID) {
	if uid < fromFile {
		n.next = max(n.next, uint32(uid)+1)
	}
}

// UID returns the number of a key in a file's name, giving it one if it has none. It is
// false for what is not a key.
func (n *Numbers) UID(text string) (state.UID, bool) {
	if len(text) != keySize {
		return 0, false
	}
	k := key([]byte(text))
	n.lock()
	defer n.mu.Unlock()
	if uid, ok := n.byKey[k]; ok {
		return uid, true
	}
	sum := sha256.Sum256(k[:])
	uid := state.UID(binary.BigEndian.Uint32(sum[:]) | fromFile)
	for _, taken := n.byUID[uid]; taken; _, taken = n.byUID[uid] {
		uid = (uid + 1) | fromFile
	}
	n.byKey[k] = uid
	n.set(uid, named{k, "\nP" + text})
	return uid, true
}

// Key returns the key of a number, false for one that was never given.
func (n *Numbers) Key(uid state.UID) (string, bool) {
	n.lock()
	defer n.mu.Unlock()
	m, ok := n.byUID[uid]
	return string(m.key[:]), ok
}

// Given returns what the base does not know yet: every number that was given, and every
// text that changed, since NewNumbers. It forgets none of them, so that a commit that
// fails can be made again.
func (n *Numbers) Given() []state.UIDL {
	n.lock()
	defer n.mu.Unlock()
	return append([]state.UIDL(nil), n.given...)
}

// GiveAgain makes Given return every number, for a base that is to begin afresh.
func (n *Numbers) GiveAgain() {
	n.lock()
	defer n.mu.Unlock()
	for uid, m := range n.byUID {
		n.set(uid, m)
	}
}

// set remembers the message of a number, and that the base has to know.
func (n *Numbers) set(uid state.UID, m named) {
	n.byUID[uid] = m
	u := state.UIDL{UID: uid, UIDL: m.text}
	if i, ok := n.atText[uid]; ok {
		n.given[i] = u
		return
	}
	n.atText[uid] = len(n.given)
	n.given = append(n.given, u)
}

// reserve keeps off numbers that the base has records of, and those below its UIDNEXT.
func (n *Numbers) reserve(req state.ScanRequest) {
	n.lock()
	defer n.mu.Unlock()
	n.next = max(n.next, req.Since.UIDNext)
	n.had = n.had || req.Lost
	for _, uid := range req.KnownUID {
		n.keepOff(uid)
	}
}

// uidNext is the number that the next new message gets.
func (n *Numbers) uidNext() uint32 {
	n.lock()
	defer n.mu.Unlock()
	return n.next
}

// number returns the number of what the server lists, giving it one if it has none.
func (n *Numbers) number(text string) (state.UID, error) {
	n.lock()
	defer n.mu.Unlock()
	k := keyOfText(text)
	uid, ok := n.byKey[k]
	if !ok {
		if n.next >= fromFile {
			return 0, errNoNumbers
		}
		uid = state.UID(n.next)
		n.next++
		n.byKey[k] = uid
	}
	if n.byUID[uid].text != text {
		n.set(uid, named{k, text})
	}
	return uid, nil
}

// hasUIDLs reports whether any message has ever had a unique-id here.
func (n *Numbers) hasUIDLs() bool {
	n.lock()
	defer n.mu.Unlock()
	for _, m := range n.byUID {
		if !strings.HasPrefix(m.text, "\n") {
			return true
		}
	}
	return false
}

// hadUIDLs reports whether messages that are here may have a unique-id which the server sent
// in an earlier run.
func (n *Numbers) hadUIDLs() bool {
	n.lock()
	defer n.mu.Unlock()
	return n.had
}

// digests returns every message that is known by its digest.
func (n *Numbers) digests() []byDigest {
	n.lock()
	defer n.mu.Unlock()
	var all []byDigest
	for _, m := range n.byUID {
		if d, ok := parseDigest(m.text); ok {
			all = append(all, d)
		}
	}
	return all
}

// keyOfText returns the key of a text of the base's.
func keyOfText(text string) key {
	if k, ok := strings.CutPrefix(text, "\nP"); ok && len(k) == keySize {
		return key([]byte(k))
	}
	if d, ok := parseDigest(text); ok {
		return d.key()
	}
	return keyOf([]byte(text))
}

func keyOf(b []byte) key {
	sum := sha256.Sum256(b)
	return key([]byte(base32.StdEncoding.EncodeToString(sum[:])[:keySize]))
}

// textOf is how the base keeps a unique-id.
func textOf(uidl []byte) string {
	if len(uidl) > longestKept {
		k := keyOf(uidl)
		return "\nP" + string(k[:])
	}
	return string(uidl)
}

// byDigest identifies a message that has no unique-id of its own: by the SHA-256 of all
// its bytes, and by which of the messages with these bytes it is.
type byDigest struct {
	digest      [sha256.Size]byte
	count       uint32 // 1 for the first
	fingerprint string // of its header and its size; "" unknown
}

// key is made of the digest's 32 octets and the count as 8 more, big-endian.
func (d byDigest) key() key {
	return keyOf(binary.BigEndian.AppendUint64(d.digest[:len(d.digest):len(d.digest)], uint64(d.count)))
}

func (d byDigest) text() string {
	s := "\nD" + hex.EncodeToString(d.digest[:]) + " " + strconv.FormatUint(uint64(d.count), 10)
	if d.fingerprint != "" {
		s += " " + d.fingerprint
	}
	return s
}

func parseDigest(text string) (d byDigest, ok bool) {
	f := strings.Split(text, " ")
	if len(f) < 2 || len(f) > 3 || !strings.HasPrefix(f[0], "\nD") {
		return d, false
	}
	raw, err := hex.DecodeString(f[0][2:])
	count, err2 := strconv.ParseUint(f[1], 10, 32)
	if err != nil || err2 != nil || len(raw) != len(d.digest) || count == 0 || count == math.MaxUint32 {
		return d, false
	}
	d.digest, d.count = [sha256.Size]byte(raw), uint32(count)
	if len(f) == 3 {
		d.fingerprint = f[2]
	}
	return d, true
}
