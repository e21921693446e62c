package contract

import (
	"errors"
	"io"
	"slices"
	"strings"

	"mailsync/state"
)

func serverAppend(w *serverWorld) {
	kw := w.keywords("INBOX")
	hot, _ := kw.Bit("hot")
	msgs := []state.Outgoing{outgoing(1, 0), outgoing(2, state.Seen|state.Flagged|hot), outgoing(3000, state.Draft), outgoing(4, 0)}
	msgs[3].Date = state.NoDate
	out, err := w.s.Append(w.Context(), "INBOX", msgs, kw)
	ok(w.T, err)
	if len(out) != len(msgs) {
		w.Fatalf("%d outcomes of %d messages", len(out), len(msgs))
	}
	sn := w.scan("INBOX")
	if len(sn.Messages) != len(msgs) {
		w.Fatalf("%d messages are there", len(sn.Messages))
	}
	for i, m := range sn.Messages {
		if a := out[i]; a.Err != nil || a.Doubt == state.Unsure || a.UID != m.UID || a.UIDValidity != sn.Mark.UIDValidity {
			w.Errorf("message %d became %+v, scanned as %+v", i, a, m)
		}
		if m.Flags != msgs[i].Flags || m.Size != msgs[i].Size || m.Date != msgs[i].Date && msgs[i].Date != state.NoDate {
			w.Errorf("message %d is %+v, sent with %v, %d octets, %d", i, m, msgs[i].Flags, msgs[i].Size, msgs[i].Date)
		}
	}
	got := w.bodies("INBOX", uidsOf(sn.Messages)...)
	for i, n := range []int{1, 2, 3000, 4} {
		if got[sn.Messages[i].UID] != bodyOf(n) {
			w.Errorf("message %d came back as %d octets", i, len(got[sn.Messages[i].UID]))
		}
	}
}

func serverAppendBad(w *serverWorld) {
	short, long, gone, half := outgoing(2, 0), outgoing(3, 0), outgoing(4, 0), outgoing(9000, 0)
	short.Size++
	long.Size--
	half.Size += 100
	gone.Open = func() (io.ReadCloser, error) { return nil, errors.New("no such file") }
	out, err := w.s.Append(w.Context(), "INBOX", []state.Outgoing{outgoing(1, 0), short, long, gone, half, outgoing(5, 0)}, w.keywords("INBOX"))
	ok(w.T, err)
	for i, a := range out {
		if bad := i > 0 && i < 5; bad != (a.Err != nil) || a.Doubt == state.Unsure {
			w.Errorf("message %d became %+v", i, a)
		}
	}
	w.has("INBOX", 1, 5)
}

func serverAppendNowhere(w *serverWorld) {
	out, err := w.s.Append(w.Context(), "Nowhere", []state.Outgoing{outgoing(1, 0), outgoing(2, 0)}, state.NewKeywords(nil))
	for i, a := range out {
		if a.Err == nil || a.Doubt == state.Unsure {
			w.Errorf("message %d became %+v", i, a)
		}
	}
	if len(out) != 2 {
		w.Errorf("%d outcomes, %v", len(out), err)
	}
}

func serverStore(w *serverWorld) {
	all := w.fill("INBOX", 3)
	kw := w.keywords("INBOX")
	hot, _ := kw.Bit("hot")
	store := func(changes ...state.FlagChange) []state.OnServer {
		stored, err := w.s.Store(w.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: w.validity("INBOX"), Changes: changes, Keywords: kw})
		ok(w.T, err)
		return stored.Echoed
	}
	echo := store(state.FlagChange{UID: all[0].UID, Add: state.Seen | hot}, state.FlagChange{UID: all[2].UID, Add: state.Flagged},
		state.FlagChange{UID: all[2].UID + 100, Add: state.Flagged})
	if len(echo) != 2 || echo[0].UID != all[0].UID || echo[0].Flags != state.Seen|hot || echo[1].Flags != state.Flagged {
		w.Errorf("echoed %+v", echo)
	}
	echo = store(state.FlagChange{UID: all[0].UID, Add: state.Answered, Remove: state.Seen})
	if len(echo) != 1 || echo[0].Flags != state.Answered|hot {
		w.Errorf("echoed %+v", echo)
	}
	for i, want := range []state.Flags{state.Answered | hot, 0, state.Flagged} {
		if got := w.scan("INBOX").Messages[i].Flags; got != want {
			w.Errorf("message %d has %v, want %v", i, got, want)
		}
	}
}

func serverStoreSince(w *serverWorld) {
	all := w.fill("INBOX", 2)
	mark := w.scan("INBOX").Mark
	if mark.ModSeq == 0 {
		return // the server cannot tell
	}
	store := func(since uint64, changes ...state.FlagChange) []state.OnServer {
		stored, err := w.s.Store(w.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: mark.UIDValidity, Changes: changes,
			Keywords: w.keywords("INBOX"), Since: since})
		ok(w.T, err)
		return stored.Echoed
	}
	store(0, state.FlagChange{UID: all[0].UID, Add: state.Flagged})
	echo := store(mark.ModSeq, state.FlagChange{UID: all[0].UID, Add: state.Answered}, state.FlagChange{UID: all[1].UID, Add: state.Answered})
	if len(echo) != 2 || echo[0].Flags != state.Flagged || echo[1].Flags != state.Answered {
		w.Errorf("echoed %+v", echo)
	}
}

// toExpunge asks for messages as they were scanned.
func (w *serverWorld) toExpunge(raw string, messages ...state.OnServer) state.ExpungeRequest {
	req := state.ExpungeRequest{Raw: raw, UIDValidity: w.validity(raw), Keywords: w.keywords(raw)}
	for _, m := range messages {
		req.Messages = append(req.Messages, state.Doomed{UID: m.UID, Size: m.Size, Date: m.Date})
	}
	return req
}

func serverExpunge(w *serverWorld) {
	all := w.fill("INBOX", 5)
	mark := []state.FlagChange{{UID: all[3].UID, Add: state.Deleted}} // by somebody else
	if _, err := w.s.Store(w.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: w.validity("INBOX"), Changes: mark, Keywords: w.keywords("INBOX")}); err != nil {
		w.Fatal(err)
	}
	req := w.toExpunge("INBOX", all[0], all[1], all[4], state.OnServer{UID: all[4].UID + 50, Size: 1, Date: 1})
	req.Confirm = func(m state.OnServer) bool { return m.UID != all[1].UID }
	done, err := w.s.Expunge(w.Context(), req)
	ok(w.T, err)
	if !slices.Equal(done.Gone, []state.UID{all[0].UID, all[4].UID, all[4].UID + 50}) || !slices.Equal(done.Kept, []state.UID{all[1].UID}) {
		w.Errorf("%+v", done)
	}
	w.has("INBOX", 2, 3, 4)
	again, err := w.s.Expunge(w.Context(), req)
	ok(w.T, err)
	if !slices.Equal(again.Gone, done.Gone) {
		w.Errorf("the second time %+v", again)
	}
	w.has("INBOX", 2, 3, 4)
}

func serverExpungeOther(w *serverWorld) {
	all := w.fill("INBOX", 3)
	req := w.toExpunge("INBOX", all...)
	req.Messages[0].Size++
	req.Messages[1].Date++
	done, err := w.s.Expunge(w.Context(), req)
	ok(w.T, err)
	if !slices.Equal(done.Gone, []state.UID{all[2].UID}) || !slices.Equal(done.Kept, []state.UID{all[0].UID, all[1].UID}) {
		w.Errorf("%+v", done)
	}
	w.has("INBOX", 1, 2)
}

func serverExpungeTrash(w *serverWorld) {
	all := w.fill("INBOX", 3)
	trash := w.box("Rubbish")
	w.fill(trash, 1)
	req := w.toExpunge("INBOX", all[0], all[2])
	req.Trash = trash
	done, err := w.s.Expunge(w.Context(), req)
	ok(w.T, err)
	if !slices.Equal(done.Gone, []state.UID{all[0].UID, all[2].UID}) || len(done.Kept) > 0 {
		w.Errorf("%+v", done)
	}
	w.has("INBOX", 2)
	w.has(trash, 1)
}

func serverRenumbered(w *serverWorld) {
	all := w.fill("INBOX", 2)
	other := w.validity("INBOX") + 1
	to := w.box("Other")
	_, err := w.s.Expunge(w.Context(), state.ExpungeRequest{Raw: "INBOX", UIDValidity: other,
		Messages: w.toExpunge("INBOX", all...).Messages, Keywords: w.keywords("INBOX")})
	if !errors.Is(err, state.ErrRenumbered) {
		w.Errorf("expunge: %v", err)
	}
	if _, err := w.s.Move(w.Context(), "INBOX", other, uidsOf(all), to); !errors.Is(err, state.ErrRenumbered) {
		w.Errorf("move: %v", err)
	}
	if _, err := w.s.Idents(w.Context(), "INBOX", other, uidsOf(all)); !errors.Is(err, state.ErrRenumbered) {
		w.Errorf("idents: %v", err)
	}
	change := []state.FlagChange{{UID: all[0].UID, Add: state.Seen}}
	if _, err := w.s.Store(w.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: other, Changes: change, Keywords: w.keywords("INBOX")}); !errors.Is(err, state.ErrRenumbered) {
		w.Errorf("store: %v", err)
	}
	if now := w.scan("INBOX").Messages; !slices.Equal(now, all) {
		w.Errorf("INBOX became %+v", now)
	}
}

func serverMove(w *serverWorld) {
	kw := w.keywords("INBOX")
	hot, _ := kw.Bit("hot")
	w.fill("INBOX", 2)
	out, err := w.s.Append(w.Context(), "INBOX", []state.Outgoing{outgoing(3, state.Seen|hot)}, kw)
	ok(w.T, err)
	ok(w.T, out[0].Err)
	all := w.scan("INBOX").Messages
	to := w.box("Work", "äpfel & birnen")
	w.fill(to, 1)
	moved, err := w.s.Move(w.Context(), "INBOX", w.validity("INBOX"), []state.UID{all[0].UID, all[2].UID, all[2].UID + 9}, to)
	ok(w.T, err)
	if len(moved) != 2 || moved[0].From != all[0].UID || moved[1].From != all[2].UID || moved[0].UIDValidity != w.validity(to) {
		w.Fatalf("moved %+v", moved)
	}
	w.has("INBOX", 2)
	w.has(to, 1, 1, 3)
	for _, m := range w.scan(to).Messages {
		if m.UID == moved[1].To && (m.Date != all[2].Date || len(w.keywords(to).NamesOf(m.Flags)) != 2) {
			w.Errorf("message 3 is %+v now, it was %+v", m, all[2])
		}
	}
	if got := w.bodies(to, moved[0].To, moved[1].To); got[moved[0].To] != bodyOf(1) || got[moved[1].To] != bodyOf(3) {
		w.Errorf("UIDs %v hold other messages", moved)
	}
}

func serverMoveNowhere(w *serverWorld) {
	all := w.fill("INBOX", 2)
	moved, err := w.s.Move(w.Context(), "INBOX", w.validity("INBOX"), uidsOf(all), "Nowhere")
	if err == nil || len(moved) > 0 {
		w.Errorf("moved %+v, %v", moved, err)
	}
	w.has("INBOX", 1, 2)
}

func serverCreate(w *serverWorld) {
	for _, levels := range [][]string{{"Work"}, {"Work", "2024", "Entwürfe"}, {"R&D ~ 日本"}, {"Work"}, {"INBOX"}} {
		m, err := w.s.CreateMailbox(w.Context(), levels, "")
		if err != nil || !slices.Equal(m.Levels, levels) || m.NoSelect {
			w.Fatalf("%q: made %+v, %v", levels, m, err)
		}
		list, err := w.s.List(w.Context(), nil)
		ok(w.T, err)
		i := slices.IndexFunc(list.Mailboxes, func(l state.Listed) bool { return l.Raw == m.Raw })
		if i < 0 || !slices.Equal(list.Mailboxes[i].Levels, levels) {
			w.Errorf("%q: made %+v, listed %+v", levels, m, list.Mailboxes)
		}
		if strings.Join(levels, "/") != "INBOX" {
			before := len(w.scan(m.Raw).Messages)
			if after := len(w.fill(m.Raw, 1)); after != before+1 {
				w.Errorf("%q: %d messages after an append", levels, after)
			}
		}
	}
}

func serverIdents(w *serverWorld) {
	all := w.fill("INBOX", 3)
	folded := "Subject: x\r\nmessage-id:\r\n <folded@example.org>\r\n\r\nbody\r\n"
	none := "Subject: x\r\n\r\nMessage-ID: <body@example.org>\r\n"
	for _, body := range []string{folded, none} {
		out, err := w.s.Append(w.Context(), "INBOX", []state.Outgoing{{Size: int64(len(body)), Date: state.NoDate,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }}}, w.keywords("INBOX"))
		ok(w.T, err)
		all = append(all, state.OnServer{UID: out[0].UID})
	}
	ids, err := w.s.Idents(w.Context(), "INBOX", w.validity("INBOX"), append(uidsOf(all), all[4].UID+7))
	ok(w.T, err)
	want := []string{"<1@example.org>", "<2@example.org>", "<3@example.org>", "<folded@example.org>", ""}
	if len(ids) != len(want) {
		w.Fatalf("told of %+v", ids)
	}
	for i, id := range ids {
		if id.UID != all[i].UID || id.MessageID != want[i] {
			w.Errorf("message %d is %+v, want %s", i, id, want[i])
		}
	}
	for _, m := range w.scan("INBOX").Messages {
		if m.Flags != 0 {
			w.Errorf("looking changed %+v", m)
		}
	}
}
