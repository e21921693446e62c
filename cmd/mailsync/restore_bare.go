package main

import (
	"context"
	"errors"
	"strings"

	"mailsync/backends/imap"
	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/state"
	engine "mailsync/sync"
)

// bare are the Maildirs of a folder that no account of the configuration has.
func (o *bringing) bare(ctx context.Context) ([]engine.Source, func() error, error) {
	files, err := disk.OpenReal(o.from)
	if err != nil {
		return nil, nil, state.Faultf(state.Storage, "open %s: %w", o.from, err)
	}
	tree := maildir.Open(files, maildir.Options{})
	found, err := tree.Bare(ctx, levelOf)
	if err == nil && len(found) == 0 {
		err = state.Faultf(state.Storage, "%s holds no Maildir", o.from).WithHint(`a Maildir is a folder with "cur" and "new" in it`)
	}
	if err != nil {
		return nil, nil, errors.Join(err, files.Close())
	}
	var sources []engine.Source
	for _, b := range found {
		levels := b.Levels
		if b.Marked { // it was mailsync's once: the marker knows its name
			names := imap.NameOf(b.Marker.Raw, b.Marker.Sep)
			levels = names[max(0, len(names)-len(levels)):]
		}
		s := engine.Source{Name: strings.Join(levels, "/"), Levels: levels, Role: b.Marker.Use}
		if o.mailboxes.match(levels, s.Role) {
			if s.Maildir, err = tree.Open(b.Path); err != nil {
				return nil, nil, errors.Join(err, files.Close())
			}
		}
		sources = append(sources, s)
	}
	return sources, files.Close, nil
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
