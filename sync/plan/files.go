package plan

import (
	"cmp"
	"slices"

	"mailsync/state"
)

// AnotherThan returns the first file of an identity that is to be folded, where the second is there
// beside it.
func AnotherThan(disk *state.DiskSnapshot, o Op, gone map[string]bool) (first string, ok bool) {
	for _, m := range FilesOf(disk, o.UID) {
		name := disk.NameAt(m.Name)
		switch {
		case m.Variant != o.Variant || gone[name]:
		case name == o.Name:
			ok = true
		case first == "":
			first = name
		}
	}
	return first, ok && first != ""
}

// NameIn returns the first file of an identity in a snapshot.
func NameIn(disk *state.DiskSnapshot, uid state.UID, variant uint8) (string, bool) {
	for _, m := range FilesOf(disk, uid) {
		if m.Variant == variant {
			return disk.NameAt(m.Name), true
		}
	}
	return "", false
}

// FilesOf are the files of a UID, of all variants.
func FilesOf(disk *state.DiskSnapshot, uid state.UID) []state.OnDisk {
	from, there := slices.BinarySearchFunc(disk.Messages, uid, func(m state.OnDisk, u state.UID) int { return cmp.Compare(m.UID, u) })
	to := from
	for there && to < len(disk.Messages) && disk.Messages[to].UID == uid {
		to++
	}
	return disk.Messages[from:to]
}
