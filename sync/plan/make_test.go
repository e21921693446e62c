package plan

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"mailsync/internal/testkit/rows"
	"mailsync/state"
)

// What was found out over the whole account, and what is to wait, is part of the plan.
func TestMakeTable(t *testing.T) {
	mirror := Policy{FlagsToServer: true, FlagsToDisk: true, OnServerDelete: Delete, OnDiskDelete: Delete, Append: true, MaxDelete: 20}
	for _, c := range []struct {
		name, base, server, disk string
		task                     Task
		want                     string
		made                     Made // without Ops and Waits
	}{
		{name: "nothing else is said", base: "1 live S; 2 live S", server: "1 S; 3 -", disk: "1 S; 2 S", want: "fetch 3; remove 2"},
		{name: "the numbers are new", base: "1 live S; 2 live S", server: "1 S; 3 -", disk: "1 S; 2 S",
			task: Task{Anew: true}, want: "fetch 3", made: Made{HeldBack: true}},
		{name: "what went may have come elsewhere", base: "1 live S; 2 gone S", server: "1 S", disk: "1 S; 2 S",
			task: Task{Blind: true}, want: "", made: Made{Awaited: true}},
		{name: "what goes to another mailbox is that mailbox's", base: "1 live S; 2 live S", server: "1 S", disk: "1 S; 2 S",
			task: Task{Moving: map[state.UID]bool{2: true}}, want: ""},
		{name: "a file that may be what is fetched waits", server: "1 S", disk: "x S",
			task: Task{MayBe: true}, want: "fetch 1", made: Made{NotYet: 1}},
		{name: "and one that is kept back", disk: "x S", server: "delta",
			task: Task{Keep: map[string]bool{"x": true}}, want: "", made: Made{NotYet: 1}},
		{name: "a move takes the place of an append", disk: "x S", server: "delta",
			task: Task{Moves: []Op{{Kind: OpMove, UID: 7, Name: "cur/x", From: "Drafts"}}}, want: "move 7"},
		{name: "a copy is appended", server: "delta", disk: "1 S", base: "1 live S",
			task: Task{Copies: []state.Foreign{{Name: "cur/y"}}}, want: "append cur/y"},
		{name: "the brake counts no move", base: "1 live S", server: "1 S", disk: "1 S",
			task: Task{Moves: []Op{{Kind: OpAgree, UID: 1, Status: state.KeptAway}}}, want: "agree 1 kept-away -"},
		{name: "an accepted message is not fetched", base: "1 outstanding -", server: "1 -", disk: "",
			task: Task{Accept: []state.UID{1}}, want: "agree 1 accepted -"},
		{name: "archive does nothing else", base: "1 live S; 2 live S", server: "1 S; 2 S; 3 -", disk: "1 S; 2 S",
			task: Task{Release: true, Alone: true, Leaving: map[state.UID]bool{2: false}}, want: "release 2", made: Made{PutOff: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			task := c.task
			task.World = World{Base: rows.Records(t, c.base), Server: parseServer(t, c.server), Disk: parseDisk(t, c.disk), Policy: mirror, DiskProves: true}
			made := Make(task)
			if got := spell(slices.Collect(made.Ops.All())); got != c.want {
				t.Errorf("the plan is %q, want %q", got, c.want)
			}
			if made.HeldBack != c.made.HeldBack || made.Awaited != c.made.Awaited || made.NotYet != c.made.NotYet || made.PutOff != c.made.PutOff {
				t.Errorf("it leaves %+v", made)
			}
		})
	}
}

// Somebody moved all of a mailbox: planning that takes no time for each pair of its messages.
func TestManyMovesArePlannedInOneGo(t *testing.T) {
	const n = 60_000
	disk := &state.DiskSnapshot{Scanned: true, Complete: true, Can: state.System}
	var moves []Op
	for i := range n {
		name := fmt.Sprintf("cur/%06d", i)
		disk.Foreign = append(disk.Foreign, state.Foreign{Name: name, Size: -1, Date: state.NoDate})
		moves = append(moves, Op{Kind: OpMove, UID: state.UID(i + 1), Name: name, From: "Drafts"})
	}
	begun := time.Now()
	made := Make(Task{World: World{Server: &state.ServerSnapshot{All: true, Complete: true}, Disk: disk, Policy: Policy{Append: true}}, Moves: moves})
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if made.Ops.Len() != n || made.Ops.Past(OpMove) {
		t.Errorf("%d operations, others than moves among them: %v", made.Ops.Len(), made.Ops.Past(OpMove))
	}
}
