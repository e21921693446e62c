package maildir

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

func someMarker(t *rapid.T) state.Marker {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "INBOX", "a \"b\"\nend \"x\"\n", "\xff\x00", "Entw&APw-rfe"}))
	mk := state.Marker{
		AccountID: text.Draw(t, "account"), Host: text.Draw(t, "host"), User: text.Draw(t, "user"),
		Raw: text.Draw(t, "raw"), Path: text.Draw(t, "path"), Role: text.Draw(t, "role"), Sep: text.Draw(t, "sep"),
		Use: text.Draw(t, "use"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "generations") {
		mk.Generations = append(mk.Generations, state.MarkerGeneration{
			UIDValidity: rapid.Uint32().Draw(t, "validity"), Token: rapid.StringMatching(`[0-9a-z]{1,20}`).Draw(t, "token"),
		})
	}
	return mk
}

func TestMarkersReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mk := someMarker(t)
		text, err := formatMarker(mk)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseMarker(text); err != nil || !reflect.DeepEqual(got, mk) {
			t.Errorf("%q reads back as %+v, %v", text, got, err)
		}
	})
}

// One byte changed, or the end cut off: always an error.
func TestDamageIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, err := formatMarker(someMarker(t))
		if err != nil {
			t.Fatal(err)
		}
		i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		if mk, err := parseMarker(text[:i]); err == nil {
			t.Errorf("%q reads as %+v", text[:i], mk)
		}
		b := []byte(text)
		b[i] ^= rapid.ByteMin(1).Draw(t, "flip")
		if mk, err := parseMarker(string(b)); err == nil {
			t.Errorf("%q reads as %+v", b, mk)
		}
	})
}

func TestMarkerText(t *testing.T) {
	text, err := formatMarker(state.Marker{AccountID: "7f3a", Host: "imap.example.org", User: "ada", Raw: "Entw&APw-rfe",
		Path: "Entwürfe", Role: state.RoleMailbox, Sep: "/", Use: "drafts", Generations: []state.MarkerGeneration{{UIDValidity: 1700000000, Token: "k3vq"}}})
	const want = `mailsync 1
account "7f3a"
host "imap.example.org"
user "ada"
mailbox "Entw&APw-rfe"
path "Entw\u00fcrfe"
role "mailbox"
separator "/"
use "drafts"
generation 1700000000 "k3vq"
end "`
	if err != nil || !strings.HasPrefix(text, want) {
		t.Errorf("%v, %s", err, text)
	}
}

// Every line has to be there, whatever the end line says.
func TestAMarkerThatLacksALineIsRefused(t *testing.T) {
	text, err := formatMarker(state.Marker{Raw: "INBOX", Generations: []state.MarkerGeneration{{UIDValidity: 1, Token: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(text[:strings.LastIndex(text, "end ")], "\n")
	for i := range 9 {
		body := strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")
		if mk, err := parseMarker(sealed(body)); err == nil {
			t.Errorf("%q reads as %+v", body, mk)
		}
	}
}

func TestNewerMarkerIsRefused(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
	md, err := Open(mem, Options{Now: mem.Now}).Create("INBOX", state.Marker{})
	if err != nil {
		t.Fatal(err)
	}
	if err := mem.Remove("INBOX/" + markerFile); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(mem, "INBOX/"+markerFile, []byte("mailsync 2\nwhatever\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := md.Marker(); state.KindOf(err) != state.Storage || state.HintOf(err) != "use a newer mailsync" || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("marker of format 2: %v, hint %q", err, state.HintOf(err))
	}
	if err := md.SetMarker(state.Marker{Generations: []state.MarkerGeneration{{Token: "a/b"}}}); err == nil {
		t.Error("a token that cannot stand in a file name was written")
	}
}

// Whatever a marker says, with its own end line or with the right one: what is read of it
// is what we would write.
func FuzzParseMarker(f *testing.F) {
	text, err := formatMarker(state.Marker{Raw: "INBOX", Generations: []state.MarkerGeneration{{UIDValidity: 1, Token: "x"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("mailsync 1\nend \"\"\n")
	body, _, _ := strings.Cut(text, "end ")
	f.Add(body)
	f.Add(strings.Replace(body, `"INBOX"`, "`a b`", 1))
	f.Fuzz(func(t *testing.T, text string) {
		for _, text := range []string{text, sealed(text)} {
			mk, err := parseMarker(text)
			if err != nil {
				continue
			}
			again, err := formatMarker(mk)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := parseMarker(again); err != nil || !reflect.DeepEqual(back, mk) {
				t.Errorf("%q: %+v reads back as %+v, %v", text, mk, back, err)
			}
			if len(mk.Generations) > strings.Count(text, "\n") {
				t.Errorf("%q has %d generations", text, len(mk.Generations))
			}
		}
	})
}
