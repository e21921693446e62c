package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"mailsync/backends/imap"
	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/state"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// fromBare restores what --from names, and tells what of it was passed over.
func (o *bringing) fromBare(ctx context.Context, r *accountRun, t *restore.Restore) (*restore.Restoration, error) {
	sources, passed, closeTree, err := o.bare(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeTree() }() // only read
	done := &restore.Restoration{}
	if len(sources) > 0 {
		t.From = sources
		done = t.Run(ctx, nil)
	} else {
		done.Fatal = state.Faultf(state.Storage, "%s holds no Maildir", o.from).WithHint(`a Maildir is a folder with "cur" and "new" in it`)
	}
	o.tellPassed(r, done, passed)
	return done, nil
}

// bare are the Maildirs of a folder that no account of the configuration has. What of it could not be read
// is passed, and keeps nothing else.
func (o *bringing) bare(ctx context.Context) (sources []port.Source, passed []state.Passed, closeTree func() error, err error) {
	files, err := disk.OpenReal(o.from)
	if err != nil {
		return nil, nil, nil, state.Faultf(state.Storage, "open %s: %w", o.from, err)
	}
	tree := maildir.Open(files, maildir.Options{})
	found, passed, err := tree.Bare(ctx, levelOf)
	if err != nil {
		return nil, nil, nil, errors.Join(err, files.Close())
	}
	for _, b := range found {
		levels := b.Levels
		if b.Marked { // it was mailsync's once: the marker knows its name
			names := imap.NameOf(b.Marker.Raw, b.Marker.Sep)
			levels = names[max(0, len(names)-len(levels)):]
		}
		s := port.Source{Name: strings.Join(levels, "/"), Levels: levels, Role: b.Marker.Use}
		if o.mailboxes.match(levels, s.Role) {
			md, err := tree.OpenBare(b.Path)
			if err != nil {
				passed = append(passed, state.Passed{Name: b.Path, Err: err})
				continue
			}
			s.Maildir = md
		}
		sources = append(sources, s)
	}
	return sources, passed, files.Close, nil
}

// tellPassed reports what a walk passed over. Where only some mailboxes are asked for it is no failure, for nobody knows
// whether it would have been one of them.
func (o *bringing) tellPassed(r *accountRun, done *restore.Restoration, passed []state.Passed) {
	for _, p := range passed {
		name := filepath.Join(o.from, filepath.FromSlash(p.Name))
		if p.Spared || o.mailboxes.given() {
			r.told.Note("", fmt.Sprintf("%q is left alone: %v", name, p.Err), "")
			continue
		}
		done.Problems = append(done.Problems, port.Problem{Err: fmt.Errorf("%q is not restored: %w", name, p.Err)})
		done.Outstanding += p.Count
	}
}

// levelOf is what the name of a folder stands for: as mailsync escapes it, or in modified
// UTF-7, in which IMAP servers name their folders.
func levelOf(name string) string {
	if plain, ok := maildir.FS.Unescape(name); ok && plain != name {
		return plain
	}
	if levels := imap.NameOf(name, ""); len(levels) == 1 {
		return levels[0]
	}
	return name
}
