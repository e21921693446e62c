package state

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Commit is one transaction on one generation, or with a Gen of 0 on the intents of kind Restoring.
// It is durable when the base's Commit returns nil, and has not happened when it returns an error.
// What it forgets and settles is deleted first, so that a UID in both Forget and Put is put; of two
// records of one UID the later counts.
type Commit struct {
	Gen      GenID
	Put      []Record // inserted, or replaced
	Forget   []UID    // removed with their proofs, UIDLs and departures
	Proofs   []Proof
	UIDLs    []UIDL
	Leave    []Departure // inserted, or replaced
	Stay     []UID       // their departures are withdrawn
	Intents  []Intent    // inserted, or replaced by key
	Settle   []IntentKey // keys of the intents that are over
	Keywords []string    // all of the mailbox's table, where it grew
	Change
}

// Change is what a commit changes of its generation as a whole; nil, or a Compared of 0, changes
// nothing.
type Change struct {
	Mark       *Mark    // the server's, where a scan was learned
	Disk       *DirMark // the Maildir's, where the run settled
	Clean      *bool
	Unsettable *Flags
	Denied     *Flags
	Held       *Held
	Compared   int64 // where a scan compared everything
}

// Unclean is the change after which the next run looks at the mailbox, whatever its marks are.
func Unclean() Change { return Change{Clean: new(bool)} }

// Check returns what makes a commit impossible: a UID of 0, a status or a kind of intent that this
// program does not know, or one that is not of its generation. A base refuses such a commit completely.
func (c *Commit) Check() error {
	for _, r := range c.Put {
		if r.UID == 0 {
			return errors.New("a record has UID 0")
		}
		if int(r.Status) >= Statuses || r.Form > FormRaw {
			return fmt.Errorf("record of UID %d has status %d and form %d", r.UID, r.Status, r.Form)
		}
	}
	switch {
	case slices.ContainsFunc(c.Proofs, func(p Proof) bool { return p.UID == 0 }):
		return errors.New("a proof has UID 0")
	case slices.ContainsFunc(c.Leave, func(d Departure) bool { return d.UID == 0 }):
		return errors.New("a departure has UID 0")
	case slices.ContainsFunc(c.UIDLs, func(u UIDL) bool { return u.UID == 0 }):
		return errors.New("a UIDL has UID 0")
	}
	for _, i := range c.Intents {
		if i.Key.Kind >= IntentKinds || (i.Key.Kind == Restoring) != (c.Gen == 0) {
			return fmt.Errorf("intent %q of generation %d is of kind %d", i.Key.Name, c.Gen, i.Key.Kind)
		}
	}
	if rest := *c; c.Gen == 0 {
		if rest.Intents, rest.Settle = nil, nil; !rest.Empty() {
			return errors.New("only intents can be of no generation")
		}
	}
	return nil
}

// Empty reports whether a commit changes nothing, whatever its generation.
func (c Commit) Empty() bool {
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		f := v.Field(i)
		if v.Type().Field(i).Name != "Gen" && !f.IsZero() && !(f.Kind() == reflect.Slice && f.Len() == 0) {
			return false
		}
	}
	return true
}

// GrowKeywords returns the longer of two keyword tables of one mailbox, the stored one
// and the one to store. It is an error if they differ where both have a name, or beyond
// MaxKeywords: flags that were stored would change their meaning. So is a name with an end
// of line, which no server and no Maildir can have.
func GrowKeywords(stored, wanted []string) ([]string, error) {
	for i := range min(len(stored), len(wanted)) {
		if !strings.EqualFold(stored[i], wanted[i]) {
			return nil, fmt.Errorf("keyword %d is %q and cannot become %q", i, stored[i], wanted[i])
		}
	}
	if i := slices.IndexFunc(wanted, func(name string) bool { return strings.Contains(name, "\n") }); i >= 0 {
		return nil, fmt.Errorf("keyword %d is %q", i, wanted[i])
	}
	if len(wanted) > MaxKeywords {
		return nil, fmt.Errorf("%d keywords are more than the %d a mailbox can have", len(wanted), MaxKeywords)
	}
	if len(stored) >= len(wanted) {
		return slices.Clone(stored), nil
	}
	return slices.Clone(wanted), nil
}

// IntentKind is what an intent is to do.
type IntentKind uint8

// The kinds, as they are stored. The first three put a message into the mailbox.
const (
	Appending   IntentKind = iota // a file is sent; the intent has its name
	Moving                        // a message is moved to where its file is; the intent has the file's name
	PuttingBack                   // what an archive run took is put back; the name is the UID that it had
	Trashing                      // a message of another mailbox is moved to this one, the trash; the name has its mailbox and which one it is
	Replacing                     // a file is moved to the state directory's trash, for the message UID has another; the name is its bare name
	Restoring                     // a message from elsewhere is sent; the intent is of no generation, and remains once its UID is known

	IntentKinds = 6
)

// IntentKey names an intent in its generation.
type IntentKey struct {
	Kind IntentKind
	Name string
}

// File is the name that the file of an intent to append or to move had, "" for the other kinds.
func (k IntentKey) File() string {
	if k.Kind == Appending || k.Kind == Moving {
		return k.Name
	}
	return ""
}

// Compare orders keys by name, then by kind.
func (k IntentKey) Compare(other IntentKey) int {
	return cmp.Or(cmp.Compare(k.Name, other.Name), cmp.Compare(k.Kind, other.Kind))
}

// Intent is an APPEND, COPY or MOVE of which it is not known what it became. It is committed
// before the command is sent and settled in the commit that records the pair. The message
// is looked for at or above UIDNext. Where it is not there, one that was cut off is sent
// again, and one that is Confirmed never.
type Intent struct {
	Key     IntentKey
	UIDNext uint32 // the mailbox's before the APPEND, 0 unknown
	UID     UID    // from APPENDUID, 0 without
	Bytes   int64  // length of what is sent
	Flags   Flags  // that it is sent with; of a move, those that its file gets
	Agreed  Flags  // of a move: what both sides had agreed on
	Digest  [DigestSize]byte
	// Confirmed: the server answered OK.
	Confirmed bool
}

// Departure is a message that an archive run takes, or took, off the server. It is
// committed together with its release, so that whoever finishes a run that was interrupted
// knows where the file was to go, and archive --undo what the last run took.
type Departure struct {
	UID UID
	Run int64 // counts an account's archive runs; the highest was the last. 0: deleted from a POP3 server
	// Root and Path are the archive Maildir that gets the file: the folder of all archives,
	// absolute, and the path below it, slash-separated. Both are "" where the file stays.
	Root, Path string
}
