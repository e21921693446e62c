package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"mailsync/backends/imap"
	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/backends/pop3"
	backend "mailsync/backends/reach"
	"mailsync/backends/redact"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// The real backends and the memory meet the engine's ports here.
var (
	_ server       = (*imap.Account)(nil)
	_ server       = (*pop3.Account)(nil)
	_ port.Maildir = (*maildir.Maildir)(nil)
	_ port.Tree    = tree{}
	_ port.Base    = (*store.Store)(nil)
	_ port.Watch   = watch{}
)

// tree is a maildir.Tree whose Maildirs are the engine's.
type tree struct{ *maildir.Tree }

func (t tree) Open(path string) (port.Maildir, error) {
	m, err := t.Tree.Open(path)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (t tree) Create(path string, marker state.Marker) (port.Maildir, error) {
	m, err := t.Tree.Create(path, marker)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// watch tells the report what the engine does.
type watch struct{ *report.Account }

func (w watch) Op(mailbox string, op plan.Op) { w.Account.Op(mailbox, op.String()) }

// server is an account's server: the engine's, and one that counts.
type server interface {
	port.Server
	Commands() int64 // how many commands were sent so far
	// Probe logs in once and returns how far that came, also beside an error.
	Probe(context.Context) (state.Probe, error)
}

// reach says how a server is to be backend.
type reach struct {
	readOnly bool // refuse whatever could change it, as a dry run does always
	sizes    bool // ask for the sizes of mailboxes where that is cheap
	trace    io.Writer
	notice   func(string)    // is given what the server wants the user to see
	secrets  *redact.Secrets // that no server is to be quoted with
}

// connect returns the account's server. It connects when it is first asked for
// something, and is hung up when the task is over.
func (r *accountRun) connect(how reach) (server, error) {
	var s server
	var err error
	how.readOnly = how.readOnly || r.flags.dryRun
	how.trace, how.secrets, how.notice = r.trace.of(r.a.Name), &redact.Secrets{}, r.told.Said
	how.secrets.Keep(r.a.Password.Ahead().Reveal()) // a greeting comes before the password is asked for
	log := r.log.With("account", r.a.Name)
	if r.a.Protocol == "pop3" {
		s, err = popServer(r.a, r.numbers, r.worked, how, log)
	} else {
		s, err = imapServer(r.a, how, log)
	}
	if err != nil {
		return nil, err
	}
	r.servers = append(r.servers, s)
	return s, nil
}

// trustedRoots reads the file of tls_ca; nil without.
func trustedRoots(a *config.Account) ([]byte, error) {
	if a.TLSCA == "" {
		return nil, nil
	}
	roots, err := os.ReadFile(a.TLSCA)
	if err != nil {
		return nil, state.Faultf(state.Usage, "tls_ca: %w", err)
	}
	return roots, nil
}

// serverOptions says how an account's server is reached, whatever it speaks.
func serverOptions(a *config.Account, how reach, log *slog.Logger) (backend.Options, error) {
	roots, err := trustedRoots(a)
	return backend.Options{
		Server: backend.Server{Host: a.Host, Port: a.Port, TLS: backend.TLSMode(a.TLS), RootCAs: roots, Pins: a.TLSPins,
			Insecure: a.Insecure, Timeout: a.Timeout},
		User: a.User,
		Secret: func(ctx context.Context) (backend.Secret, error) {
			password, err := a.Password.Read(ctx)
			return backend.Secret{Password: password.Reveal()}, err
		},
		MaxWait: a.MaxWait, ReadOnly: how.readOnly, Secrets: how.secrets, Trace: how.trace, Log: log,
	}, err
}

// imapServer makes the server of an account. It connects to nothing yet.
func imapServer(a *config.Account, how reach, log *slog.Logger) (*imap.Account, error) {
	o, err := serverOptions(a, how, log)
	if err != nil {
		return nil, err
	}
	return imap.New(imap.Options{Options: o, Connections: a.Connections, Compress: imap.Compression(a.Compress),
		Sizes: how.sizes, Version: version(), Notice: how.notice})
}

// openTree opens the Maildirs below root. stateDir holds the trash where it lies outside
// of the tree; "" where it lies inside, or nothing is thrown away. numbers are a POP3
// account's, nil without.
func openTree(layout maildir.Layout, root, stateDir string, numbers *pop3.Numbers) (port.Tree, func() error, error) {
	files, err := disk.OpenReal(root)
	if err != nil {
		return nil, nil, state.Faultf(state.Storage, "open maildir: %w", err)
	}
	closeAll := files.Close
	opts := maildir.Options{Layout: layout}
	if numbers != nil {
		opts.Keys = numbers
	}
	if stateDir != "" {
		trash, err := disk.OpenReal(stateDir)
		if err != nil {
			return nil, nil, errors.Join(state.Faultf(state.Storage, "open state_dir: %w", err), files.Close())
		}
		opts.Trash = trash
		closeAll = func() error { return errors.Join(files.Close(), trash.Close()) }
	}
	return tree{maildir.Open(files, opts)}, closeAll, nil
}

func deletion(s string) plan.Deletion {
	if s == "delete" {
		return plan.Delete
	}
	return plan.Keep
}

// policy says what the configuration lets the engine do. deletes is the brake of this
// run alone, nil where the command line does not set one.
func policy(a *config.Account, deletes *int) plan.Policy {
	p := plan.Policy{
		FlagsToServer:  a.Flags == "both" && a.Protocol != "pop3", // which has none
		FlagsToDisk:    a.Flags != "none",
		OnServerDelete: deletion(a.OnServerDelete),
		OnDiskDelete:   deletion(a.OnDiskDelete),
		Append:         a.Append,
		MaxSize:        a.MaxSize,
		FetchOnce:      a.Protocol == "pop3",
		MaxDelete:      a.MaxDelete,
	}
	if deletes != nil {
		p.MaxDelete, p.Meant = *deletes, true
	}
	return p
}
