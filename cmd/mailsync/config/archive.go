package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Archive says which mail may leave the server, and how.
type Archive struct {
	OlderThan        time.Duration // negative: nothing goes for its age alone
	UntilQuota       int           // percent; 0: not for the quota
	LargerThan       int64         // bytes
	NeverYoungerThan time.Duration
	KeepFlagged      bool
	KeepUnread       bool
	CopiedBefore     string // a file
	Into             string // may hold {year}, {month} and {mailbox}; "": files stay
	Via              string // "auto", "expunge" or "trash"
	Quota            int64  // bytes, 0: the server tells
}

// archive returns the account's archive table, made with its defaults at first use.
func (a *Account) archive() *Archive {
	if a.Archive == nil {
		a.Archive = &Archive{OlderThan: -1, NeverYoungerThan: 30 * 24 * time.Hour, KeepFlagged: true, KeepUnread: true, Via: "auto"}
	}
	return a.Archive
}

// Asks reports whether any rule asks for mail to go.
func (a *Archive) Asks() bool {
	return a != nil && (a.OlderThan >= 0 || a.UntilQuota > 0 || a.LargerThan > 0)
}

// SetArchive sets one key of the account's archive table from text, as a flag gives it:
// lists are words with commas between them. The account's table is made if it has none.
func (a *Account) SetArchive(name, text string, env func(string) string) error {
	k := find(archiveKeys, name)
	var value any = text
	if name == "keep" {
		list := []any{}
		for _, word := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' }) {
			list = append(list, word)
		}
		value = list
	}
	if a.Archive != nil {
		own := *a.Archive // another run of this account may read the old one
		a.Archive = &own
	}
	return k.read(&reading{account: a, env: env}, value)
}

// intoFields are what stands for something in archive.into.
var intoFields = []string{"{year}", "{month}", "{mailbox}"}

func archiveInto(r *reading, value any) error {
	s, err := r.path(value)
	if err != nil {
		return err
	}
	if strange := placeholder.FindString(s); strange != "" && !slices.Contains(intoFields, strange) {
		err = fmt.Errorf("%s stands for nothing; %s do", strange, strings.Join(intoFields, ", "))
	}
	r.account.archive().Into = s
	return err
}

// IntoRoot is the folder of the archive Maildirs: as much of the key "into" as is the same
// for every message.
func (a *Archive) IntoRoot() string {
	fixed, _, varies := strings.Cut(a.Into, "{")
	if !varies {
		return a.Into
	}
	return filepath.Dir(fixed + "x")
}

// IntoPath is the Maildir of a message, relative to IntoRoot and slash-separated: mailbox is
// the path of its mailbox, date its INTERNALDATE in seconds since 1970.
func (a *Archive) IntoPath(mailbox string, date int64) string {
	at := time.Unix(date, 0).UTC()
	full := strings.NewReplacer("{year}", at.Format("2006"), "{month}", at.Format("01"), "{mailbox}", filepath.FromSlash(mailbox)).Replace(a.Into)
	rel, err := filepath.Rel(a.IntoRoot(), full)
	if err != nil {
		rel = "." // both are absolute and clean
	}
	return filepath.ToSlash(rel)
}
