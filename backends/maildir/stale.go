package maildir

import (
	"slices"

	"mailsync/state"
)

// A file that is renamed while the folders are read shows up under two names, and only one of
// them is true. The time stamps do not always tell: both renames and reads may fall into one
// tick of the clock. So every name that may be such a one is looked at.

// dropStale takes the names out of a snapshot that are none any more: of identities, and of
// foreign files that have the same name but for its flags. It reports whether there were any.
func (p *pass) dropStale() (dropped bool, err error) {
	ours, err := p.dropStaleMessages()
	if err != nil {
		return false, err
	}
	foreign, err := p.dropStaleForeign()
	return ours || foreign, err
}

func (p *pass) dropStaleMessages() (dropped bool, err error) {
	s := p.snap
	same := func(i, j int) bool {
		return s.Messages[i].UID == s.Messages[j].UID && s.Messages[i].Variant == s.Messages[j].Variant
	}
	var stale []int
	for first, next := 0, 0; first < len(s.Messages); first = next {
		for next = first + 1; next < len(s.Messages) && same(first, next); next++ {
		}
		if next-first == 1 {
			continue
		}
		var names []string
		for _, f := range s.Messages[first:next] {
			names = append(names, s.NameAt(f.Name))
		}
		inodes, err := p.standing(names)
		if err != nil {
			return false, err
		}
		for i, name := range names {
			if _, there := inodes[name]; !there {
				stale = append(stale, first+i)
			}
		}
	}
	for _, i := range slices.Backward(stale) {
		s.Messages = slices.Delete(s.Messages, i, i+1)
	}
	return len(stale) > 0, nil
}

// dropStaleForeign also leaves out what is a second name of one file, a hard link: a mail
// program moves a file so, and to every reader both are the same message. What the second
// name is for the first one's fate tells: it goes, or is found as a twin.
func (p *pass) dropStaleForeign() (dropped bool, err error) {
	s := p.snap
	byKey := make(map[string][]string, len(s.Foreign))
	for _, f := range s.Foreign {
		byKey[keyOf(f.Name)] = append(byKey[keyOf(f.Name)], f.Name)
	}
	if len(byKey) == len(s.Foreign) {
		return false, nil
	}
	out := map[string]bool{}
	for _, names := range byKey {
		if len(names) == 1 {
			continue
		}
		inodes, err := p.standing(names)
		if err != nil {
			return false, err
		}
		seen := map[uint64]bool{0: false} // 0: the system does not tell
		for _, name := range names {
			ino, there := inodes[name]
			dropped = dropped || !there
			out[name] = !there || seen[ino]
			seen[ino] = ino != 0
		}
	}
	s.Foreign = slices.DeleteFunc(s.Foreign, func(f state.Foreign) bool { return out[f.Name] })
	return dropped, nil
}
