package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mailsync/cmd/mailsync/config"
)

// shard is a part of the accounts: those of number at out of count, which are counted from 0. The zero value is all of them.
type shard struct{ at, count int }

func (s *shard) given() bool { return s.count > 0 }

// flag is the flag that asks for a shard.
func (s *shard) flag() value {
	return value{"I/N", func(text string) error {
		first, second, ok := strings.Cut(text, "/")
		at, badAt := strconv.ParseUint(first, 10, 31)
		count, badCount := strconv.ParseUint(second, 10, 31)
		switch {
		case !ok || badAt != nil || badCount != nil || count == 0:
			return fmt.Errorf(`%q is not a shard; write one like 0/4: four shards are 0/4, 1/4, 2/4 and 3/4`, text)
		case at >= count:
			return fmt.Errorf(`%q is not a shard; they are counted from 0: of %d, the last is %d/%d`, text, count, count-1, count)
		}
		s.at, s.count = int(at), int(count)
		return nil
	}}
}

// has reports whether the shard has a name.
func (s *shard) has(name string) bool { return !s.given() || shardOf(name, s.count) == s.at }

// limit leaves a command the accounts that are in the shard. A bad file is a mistake in one shard alone, which its name
// chooses: its accounts may not be known.
func (s *shard) limit(w *work) {
	if !s.given() {
		return
	}
	w.accounts = slices.DeleteFunc(slices.Clone(w.accounts), func(a *config.Account) bool { return !s.has(a.Name) })
	w.bad = slices.DeleteFunc(slices.Clone(w.bad), func(b config.BadFile) bool { return !s.has(filepath.Base(b.File)) })
	if len(w.accounts) == 0 {
		w.notes = append(w.notes, fmt.Sprintf("mailsync: no account is in shard %d/%d: nothing to do", s.at, s.count))
	}
}

// shardOf is the shard of an account, by its name alone: another account moves it nowhere. With one shard more, accounts move to
// the new one, and none between the others (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm").
func shardOf(name string, count int) int {
	sum := sha256.Sum256([]byte(name))
	key := binary.BigEndian.Uint64(sum[:])
	b, j := int64(-1), int64(0)
	for j < int64(count) {
		b = j
		key = key*2862933555777941757 + 1
		j = int64(float64(b+1) * (float64(int64(1)<<31) / float64((key>>33)+1)))
	}
	return int(b)
}
