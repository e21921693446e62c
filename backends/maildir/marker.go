package maildir

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// The marker is text that a person can read, one field a line, in this order:
//
//	mailsync 1
//	account "7f3a…"
//	host "imap.example.org"
//	user "ada"
//	mailbox "Entw&APw-rfe"
//	path "Entwürfe"
//	role "mailbox"
//	separator "/"
//	use "drafts"
//	generation 1700000000 "k3vq…"
//	end "5cf1…"
//
// Values are quoted as Go quotes strings, in ASCII, so that a line stays a line whatever
// a server calls its mailboxes. There is one generation line a generation, the last one
// current. The end line holds the first 16 hexadecimal digits of the SHA-256 of all lines
// before it: a marker that was truncated or damaged is an error, never "no marker".
const (
	markerFile   = "mailsync.marker"
	markerMagic  = "mailsync"
	markerFormat = 1 // a higher one is refused
	maxMarker    = 1 << 20
)

var errMarker = state.Faultf(state.Storage, "damaged marker").WithHint("the Maildir is left alone until the file is restored or removed")

// Marker reads the marker; fs.ErrNotExist without one. A marker of a newer
// format, or a damaged one, is another error.
func (m *Maildir) Marker() (state.Marker, error) { return readMarker(m.fs, m.path) }

func readMarker(fsys disk.FS, dir string) (state.Marker, error) {
	name := path.Join(dir, markerFile)
	info, err := fsys.Lstat(name)
	if err == nil && (!info.Regular() || info.Size > maxMarker) {
		err = errMarker
	}
	var text []byte
	if err == nil {
		text, err = readFile(fsys, name, maxMarker)
	}
	var mk state.Marker
	if err == nil {
		mk, err = parseMarker(string(text))
	}
	if err != nil {
		return state.Marker{}, fault(err, "marker %s", name)
	}
	return mk, nil
}

// SetMarker replaces the marker in one step. It is durable when SetMarker returns nil;
// after an error the old one or the new one is there, complete.
func (m *Maildir) SetMarker(mk state.Marker) error {
	text, err := formatMarker(mk)
	if err != nil {
		return fmt.Errorf("marker of %s: %w", m.path, err)
	}
	if err := replaceFile(m.fs, m.tmp.in(m.tmp.newName()), m.at(markerFile), []byte(text), nil); err != nil {
		return fault(err, "marker of %s", m.path)
	}
	return nil
}

func formatMarker(mk state.Marker) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d\n", markerMagic, markerFormat)
	for _, f := range markerFields(&mk) {
		fmt.Fprintf(&b, "%s %+q\n", f.name, *f.value)
	}
	for _, g := range mk.Generations {
		if !validToken(g.Token) {
			return "", fmt.Errorf("token %q cannot stand in a file name: %w", g.Token, fs.ErrInvalid)
		}
		fmt.Fprintf(&b, "generation %d %+q\n", g.UIDValidity, g.Token)
	}
	return sealed(b.String()), nil
}

type markerField struct {
	name  string
	value *string
}

// markerFields are the quoted lines, in order.
func markerFields(mk *state.Marker) []markerField {
	return []markerField{
		{"account", &mk.AccountID}, {"host", &mk.Host}, {"user", &mk.User}, {"mailbox", &mk.Raw},
		{"path", &mk.Path}, {"role", &mk.Role}, {"separator", &mk.Sep}, {"use", &mk.Use},
	}
}

func parseMarker(text string) (state.Marker, error) {
	first, _, _ := strings.Cut(text, "\n")
	magic, number, _ := strings.Cut(first, " ")
	format, err := strconv.Atoi(number)
	if magic != markerMagic || err != nil || format < markerFormat {
		return state.Marker{}, errMarker
	}
	if format > markerFormat {
		return state.Marker{}, state.Faultf(state.Storage, "marker format %d is newer than this program", format).
			WithHint("use a newer mailsync")
	}
	body, intact := unsealed(text)
	if !intact {
		return state.Marker{}, errMarker
	}
	mk := state.Marker{}
	lines := slices.Collect(strings.Lines(body))[1:]
	for _, f := range markerFields(&mk) {
		if len(lines) == 0 {
			return state.Marker{}, errMarker
		}
		if _, err := fmt.Sscanf(lines[0], f.name+" %q\n", f.value); err != nil {
			return state.Marker{}, errMarker
		}
		lines = lines[1:]
	}
	for _, line := range lines {
		var g state.MarkerGeneration
		if _, err := fmt.Sscanf(line, "generation %d %q\n", &g.UIDValidity, &g.Token); err != nil || !validToken(g.Token) {
			return state.Marker{}, errMarker
		}
		mk.Generations = append(mk.Generations, g)
	}
	return mk, nil
}
