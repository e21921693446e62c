package plan

import (
	"testing"

	"mailsync/internal/testkit/rows"

	"mailsync/state"
)

// The policies that the rows of the table name.
var policies = map[string]Policy{
	"":        {FlagsToServer: true, FlagsToDisk: true, MaxDelete: 100},
	"pull":    {FlagsToDisk: true, MaxDelete: 100},
	"none":    {MaxDelete: 100},
	"backup":  {FlagsToDisk: true, OnServerDelete: Wait, OnDiskDelete: Wait, MaxDelete: 100},
	"mirror":  {FlagsToServer: true, FlagsToDisk: true, OnServerDelete: Delete, OnDiskDelete: Delete, Append: true, MaxDelete: 100},
	"small":   {FlagsToServer: true, FlagsToDisk: true, MaxSize: 50, MaxDelete: 100},
	"refetch": {FlagsToServer: true, FlagsToDisk: true, Refetch: true, MaxDelete: 100},
}

// TestPlanTable is the table of spec 5.2, row by row, with the
// cases between its rows.
func TestPlanTable(t *testing.T) {
	for _, c := range []struct {
		name, policy, base, server, disk, want string
		copied                                 bool // the tree was copied: absence on disk proves nothing
	}{
		{name: "new on the server", server: "1 S", want: "fetch 1"},
		{name: "new on the server, too large", policy: "small", server: "1 S", want: "agree 1 skipped S"},
		{name: "adopt", server: "1 S", disk: "1 S", want: "agree 1 live S"},
		{name: "adopt, flags of both", server: "1 S", disk: "1 F", want: "flag server 1 FS; flag disk 1 FS; agree 1 live FS"},
		{name: "adopt carries no \\Deleted", server: "1 T", disk: "1 -", want: "agree 1 live -"},
		{name: "adopt carries no \\Deleted in a mirror either", policy: "mirror", base: "2 outstanding -", server: "1 T; 2 -", disk: "1 -; 2 T", want: "agree 1 live -; agree 2 live -"},
		{name: "adopt, another size: the bytes decide", server: "1 S size=7", disk: "1 S", want: "fetch 1"},
		{name: "adopt takes the last variant", server: "1 S", disk: "1 S; 1.2 S", want: "agree 1 live S"},
		{name: "the server once had it", disk: "1 S", want: "agree 1 only-here S"},
		{name: "a partial listing proves no absence", server: "partial", disk: "1 S", want: ""},
		{name: "foreign file, no append", disk: "x S", want: ""},
		{name: "foreign file, append", policy: "mirror", disk: "x S", want: "append cur/x"},

		{name: "nothing changed", base: "1 live S", server: "1 S", disk: "1 S", want: ""},
		{name: "server flagged", base: "1 live -", server: "1 S", disk: "1 -", want: "flag disk 1 S; agree 1 live S"},
		{name: "disk flagged", base: "1 live -", server: "1 -", disk: "1 S", want: "flag server 1 S; agree 1 live S"},
		{name: "server unflagged", base: "1 live SF", server: "1 S", disk: "1 SF", want: "flag disk 1 S; agree 1 live S"},
		{name: "disk unflagged", base: "1 live SF", server: "1 SF", disk: "1 S", want: "flag server 1 S; agree 1 live S"},
		{name: "both flagged the same", base: "1 live -", server: "1 S", disk: "1 S", want: "agree 1 live S"},
		{name: "each flagged another", base: "1 live -", server: "1 S", disk: "1 F", want: "flag server 1 FS; flag disk 1 FS; agree 1 live FS"},
		{name: "one set, one cleared", base: "1 live F", server: "1 FS", disk: "1 -", want: "flag server 1 S; flag disk 1 S; agree 1 live S"},
		{name: "pull leaves the server alone", policy: "pull", base: "1 live -", server: "1 -", disk: "1 F", want: ""},
		{name: "pull does not overwrite a local change", policy: "pull", base: "1 live -", server: "1 S", disk: "1 F", want: "flag disk 1 FS; agree 1 live S"},
		{name: "none leaves both alone", policy: "none", base: "1 live -", server: "1 S", disk: "1 F", want: ""},
		{name: "\\Deleted on the server stays there", base: "1 live -", server: "1 T", disk: "1 -", want: ""},
		{name: "\\Deleted on disk stays there", base: "1 live -", server: "1 -", disk: "1 T", want: ""},
		{name: "\\Deleted travels in a mirror", policy: "mirror", base: "1 live -", server: "1 T", disk: "1 -", want: "flag disk 1 T; agree 1 live T"},
		{name: "a keyword no file can carry waits", base: "1 live -", server: "1 0", disk: "1 -", want: ""},
		{name: "a keyword a file can carry travels", base: "1 live -", server: "1 0", disk: "keywords; 1 -", want: "flag disk 1 +0; agree 1 live +0"},
		{name: "a disk that was not read says nothing of flags", base: "1 live -", server: "1 S", disk: "unread", want: ""},

		{name: "a silent name says nothing, and gets its flags back", base: "1 live SF", server: "1 SF", disk: "1 ~", want: "flag disk 1 FS"},
		{name: "a silent name without flags is spoken for", base: "1 live -", server: "1 -", disk: "1 ~", want: "flag disk 1 -"},
		{name: "a silent name, and the server changed", base: "1 live SF", server: "1 S", disk: "1 ~", want: "flag disk 1 S; agree 1 live S"},
		{name: "a silent name shows what was added", base: "1 live F", server: "1 F", disk: "1 ~S", want: "flag server 1 FS; flag disk 1 FS; agree 1 live FS"},
		{name: "a silent name, adopted", server: "1 SF", disk: "1 ~", want: "flag disk 1 FS; agree 1 live FS"},
		{name: "a silent name, adopted without flags", server: "1 -", disk: "1 ~", want: "flag disk 1 -; agree 1 live -"},
		{name: "a silent name, adopted after it was kept away with other flags", base: "1 kept-away S F", server: "1 S", disk: "1 ~", want: "flag disk 1 S; agree 1 live S"},
		{name: "a silent name, only here", disk: "1 ~", want: "agree 1 only-here -"},
		{name: "a silent name, only here for long", base: "1 only-here S", disk: "1 ~", want: ""},
		{name: "a silent name, gone there", base: "1 kept-away S", disk: "1 ~", want: "agree 1 only-here S"},
		{name: "a silent name in pull: what it would say is nowhere else", policy: "pull", base: "1 live S", server: "1 S", disk: "1 ~", want: ""},
		{name: "a silent name in pull, and the server changed", policy: "pull", base: "1 live S F", server: "1 SF", disk: "1 ~", want: "flag disk 1 FS; agree 1 live FS"},
		{name: "a name that mail programs do not read, in pull", policy: "pull", base: "1 live S", server: "1 S", disk: "1 ^SF", want: "flag disk 1 FS"},
		{name: "a silent name where no flag travels", policy: "none", base: "1 live S", server: "1 F", disk: "1 ~", want: ""},
		{name: "a name that mail programs do not read", base: "1 live S", server: "1 S", disk: "1 ^S", want: "flag disk 1 S"},
		{name: "a name that mail programs do not read, with a change", base: "1 live S", server: "1 S", disk: "1 ^SF", want: "flag server 1 FS; flag disk 1 FS; agree 1 live FS"},
		{name: "a silent name and one that speaks", base: "1 live SF", server: "1 SF", disk: "1 S; 1 ~", want: "fold 1; flag server 1 S; agree 1 live S"},
		{name: "two silent names", base: "1 live SF", server: "1 SF", disk: "1 ~; 1 ~", want: "fold 1; flag disk 1 FS"},
		{name: "a silent name in a copied tree", policy: "mirror", base: "1 live S; 2 live S", server: "1 S; 2 S", disk: "1 ~; 2 S", copied: true, want: "flag disk 1 S"},

		{name: "gone on the server: keep", base: "1 live S", disk: "1 S", want: "agree 1 only-here S"},
		{name: "gone on the server: delete", policy: "mirror", base: "1 live S", disk: "1 S", want: "remove 1"},
		{name: "gone on the server, as learned before", policy: "mirror", base: "1 gone S", server: "delta", disk: "1 S", want: "remove 1"},
		{name: "gone by a partial listing: no", policy: "mirror", base: "1 live S", server: "partial", disk: "1 S", want: ""},
		{name: "not in a delta: no", policy: "mirror", base: "1 live S; 2 live S", server: "delta; 2 S", disk: "1 S; 2 S", want: ""},
		{name: "gone in a delta", policy: "mirror", base: "1 live S; 2 live S", server: "delta; gone 1", disk: "1 S; 2 S", want: "remove 1"},
		{name: "gone in a partial delta: no", policy: "mirror", base: "1 live S", server: "delta; partial; gone 1", disk: "1 S", want: ""},
		{name: "deleting wins over a flag", policy: "mirror", base: "1 live S", disk: "1 SF", want: "remove 1"},
		{name: "unstable is never removed", policy: "mirror", base: "1 unstable S", disk: "1 S", want: "agree 1 only-here S"},

		{name: "file removed: keep", base: "1 live S", server: "1 S", want: "agree 1 kept-away S"},
		{name: "file removed: delete", policy: "mirror", base: "1 live S", server: "1 S", want: "expunge 1"},
		{name: "file removed: refetch", policy: "refetch", base: "1 live S", server: "1 S", want: "fetch 1"},
		{name: "file missing in a directory under change: no", policy: "mirror", base: "1 live S", server: "1 S", disk: "partial", want: ""},
		{name: "file missing in a copied tree: fetch", policy: "mirror", base: "1 live S", server: "1 S", copied: true, want: "fetch 1"},
		{name: "doubtful is never expunged", policy: "mirror", base: "1 doubtful S", server: "1 S", want: "agree 1 kept-away S"},
		{name: "both gone", base: "1 live S", want: "forget 1"},
		{name: "both gone in a copied tree: it may come back", base: "1 live S", copied: true, want: ""},
		{name: "only here, missing in a copied tree", base: "1 only-here S", copied: true, want: ""},

		{name: "gone there, in a backup of a mirror: the next sync decides", policy: "backup", base: "1 gone S", disk: "1 S", want: ""},
		{name: "file removed, in a backup of a mirror: the next sync decides", policy: "backup", base: "1 live S", server: "1 S", want: ""},
		{name: "unstable and gone there, in a backup of a mirror", policy: "backup", base: "1 unstable S", disk: "1 S", want: "agree 1 only-here S"},
		{name: "only here stays", policy: "mirror", base: "1 only-here S", disk: "1 S", want: ""},
		{name: "only here, came back", base: "1 only-here S", server: "1 S", disk: "1 S", want: "agree 1 live S"},
		{name: "only here, file removed", base: "1 only-here S", want: "forget 1"},
		{name: "only here, server again, file gone", base: "1 only-here S", server: "1 S", want: "fetch 1"},

		{name: "kept away stays", base: "1 kept-away S", server: "1 S", want: ""},
		{name: "kept away, refetch", policy: "refetch", base: "1 kept-away S", server: "1 S", want: "fetch 1"},
		{name: "kept away, gone", base: "1 kept-away S", want: "forget 1"},
		{name: "kept away, file came back", base: "1 kept-away S", server: "1 S", disk: "1 S", want: "agree 1 live S"},
		{name: "kept away, gone, file came back", base: "1 kept-away S", disk: "1 S", want: "agree 1 only-here S"},
		{name: "skipped stays", policy: "small", base: "1 skipped S", server: "1 S", want: ""},
		{name: "skipped, allowed now", base: "1 skipped S", server: "1 S", want: "fetch 1"},
		{name: "accepted stays", base: "1 accepted S", server: "1 S", want: ""},

		{name: "outstanding is tried again", base: "1 outstanding S", server: "delta", want: "fetch 1"},
		{name: "outstanding, its file is here", base: "1 outstanding S", server: "unread", disk: "1 S", want: "agree 1 live S"},
		{name: "outstanding, gone", base: "1 outstanding S", want: "forget 1"},
		{name: "doubtful is fetched once more", base: "1 doubtful S", server: "unread", disk: "1 S", want: "fetch 1"},

		{name: "released, both there: read again", base: "1 released S", server: "1 S", disk: "1 S", want: "release 1"},
		{name: "released, file gone: fetch again", base: "1 released S", server: "1 S", want: "fetch 1"},
		{name: "released, server's gone", base: "1 released S", disk: "1 S", want: "agree 1 only-here S"},
		{name: "released, both gone", base: "1 released S", want: "forget 1"},
		{name: "archived stays", base: "1 archived S", want: ""},
		{name: "archived, and the file still here", base: "1 archived S", disk: "1 S", want: "file away 1"},

		{name: "two files of one identity", base: "1 live S", server: "1 S", disk: "1 S; 1 -", want: "fold 1"},
		{name: "two files of one identity, flags of both", base: "1 live -", server: "1 -", disk: "1 S; 1 F", want: "fold 1; flag server 1 FS; agree 1 live FS"},
		{name: "an older variant is left alone", base: "1.2 live S", server: "1 S", disk: "1 S; 1.2 S", want: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := World{Base: rows.Records(t, c.base), Server: parseServer(t, c.server), Disk: parseDisk(t, c.disk),
				Policy: policies[c.policy], DiskProves: !c.copied}
			if got := spell(Plan(w)); got != c.want {
				t.Errorf("plan\n got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestOpsAreInTheOrderOfExecution(t *testing.T) {
	w := World{
		Base:   rows.Records(t, "1 live -; 2 live S; 3 live -; 4 live S; 6 live S"),
		Server: parseServer(t, "1 S; 3 -; 5 -; 6 S"),
		Disk:   parseDisk(t, "1 -; 2 S; 3 S; x -"),
		Policy: policies["mirror"], DiskProves: true,
	}
	want := "fetch 5; append cur/x; flag server 3 S; flag disk 1 S; agree 1 live S; agree 3 live S; expunge 6; remove 2; forget 4"
	if got := spell(Plan(w)); got != want {
		t.Errorf("plan\n got %q\nwant %q", got, want)
	}
}

// A keyword that the server has not seen yet travels in the very run that scanned the
// server, where it lets clients make keywords.
func TestPlanNewKeywords(t *testing.T) {
	const word = state.Flags(1) << 8
	for _, newWords := range []bool{true, false} {
		w := World{
			Base: []state.Record{{UID: 1, Variant: 1, Status: state.Live, Size: 1}},
			Server: &state.ServerSnapshot{All: true, Complete: true, Permanent: state.Seen | state.Flagged, NewWords: newWords,
				Messages: []state.OnServer{{UID: 1, Size: 1}}},
			Disk: &state.DiskSnapshot{Scanned: true, Complete: true, Can: state.System | word, Names: []byte("cur/x\x00"),
				Messages: []state.OnDisk{{UID: 1, Variant: 1, Flags: word | state.Forwarded | state.Flagged, Size: 1}}},
			Policy:     policies[""],
			DiskProves: true,
		}
		want := state.Flagged
		if newWords {
			want |= word | state.Forwarded
		}
		ops := Plan(w)
		if len(ops) == 0 || ops[0].Kind != OpFlagServer || ops[0].Flags != want {
			t.Errorf("new keywords %v: %v, want flags %v to the server", newWords, ops, want)
		}
	}
}
