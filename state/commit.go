package state

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Check says what makes a commit impossible: a UID of 0 or a status that this program
// does not know. A base refuses such a commit whole.
func (c *Commit) Check() error {
	for _, r := range c.Put {
		if r.UID == 0 {
			return errors.New("a record has UID 0")
		}
		if int(r.Status) >= Statuses || r.Form > FormRaw {
			return fmt.Errorf("record of UID %d has status %d and form %d", r.UID, r.Status, r.Form)
		}
	}
	for _, p := range c.Proofs {
		if p.UID == 0 {
			return errors.New("a proof has UID 0")
		}
	}
	for _, d := range c.Leave {
		if d.UID == 0 {
			return errors.New("a departure has UID 0")
		}
	}
	for _, u := range c.UIDLs {
		if u.UID == 0 {
			return errors.New("a UIDL has UID 0")
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
// MaxKeywords: flags that were stored would change their meaning.
func GrowKeywords(stored, wanted []string) ([]string, error) {
	for i := range min(len(stored), len(wanted)) {
		if !strings.EqualFold(stored[i], wanted[i]) {
			return nil, fmt.Errorf("keyword %d is %q and cannot become %q", i, stored[i], wanted[i])
		}
	}
	if len(wanted) > MaxKeywords {
		return nil, fmt.Errorf("%d keywords are more than the %d a mailbox can have", len(wanted), MaxKeywords)
	}
	if len(stored) >= len(wanted) {
		return slices.Clone(stored), nil
	}
	return slices.Clone(wanted), nil
}
