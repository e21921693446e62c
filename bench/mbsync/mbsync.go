// Package mbsync runs isync's mbsync over the same mail that mailsync is measured
// with, set up as well as it can be for the same work.
package mbsync

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Setup is one account at a server and the folder its Maildirs go to.
type Setup struct {
	Addr     string // IMAP, with TLS where CAFile is set; then a name, for mbsync 1.4 knows no addresses in certificates
	CAFile   string // "": plain text
	User     string
	Password string
	Dir      string   // for its configuration, its state and, below mail/, the Maildirs
	TwoWay   bool     // changes on disk go to the server too; else it only pulls
	NoFsync  bool     // leave durability to luck
	Without  []string // extensions that are not used
}

// Program is mbsync's path, "" where it is not installed.
func Program() string {
	p, err := exec.LookPath("mbsync")
	if err != nil {
		return ""
	}
	return p
}

// Maildirs is the folder the Maildirs go to, one a mailbox, nested as on the server.
func (s Setup) Maildirs() string { return filepath.Join(s.Dir, "mail") }

// Config is the configuration, in the words of mbsync 1.4: every mailbox, flags, dates
// kept, nothing deleted.
func (s Setup) Config() (string, error) {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return "", err
	}
	tls, ca := "None", ""
	if s.CAFile != "" {
		tls, ca = "IMAPS", "CertificateFile "+s.CAFile
	}
	without := ""
	if len(s.Without) > 0 {
		without = "DisableExtensions " + strings.Join(s.Without, " ")
	}
	sync, fsync := "Pull", "yes"
	if s.TwoWay {
		sync = "All"
	}
	if s.NoFsync {
		fsync = "no"
	}
	// Blank lines end a section, so lines that say nothing are taken out.
	lines := strings.ReplaceAll(strings.NewReplacer(
		"$HOST", host, "$PORT", port, "$USER", s.User, "$PASS", s.Password, "$TLS", tls, "$CA", ca,
		"$MAIL", s.Maildirs(), "$STATE", filepath.Join(s.Dir, "state"), "$SYNC", sync, "$FSYNC", fsync, "$WITHOUT", without,
	).Replace(config), "\n\n", "\n")
	return strings.ReplaceAll(lines, "\n--\n", "\n\n"), nil
}

const config = `FSync $FSYNC
--
IMAPAccount server
Host $HOST
Port $PORT
User $USER
Pass $PASS
SSLType $TLS
$CA
AuthMechs LOGIN
$WITHOUT
--
IMAPStore far
Account server
--
MaildirStore near
Path $MAIL/
Inbox $MAIL/INBOX
SubFolders Verbatim
--
Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync $SYNC
CopyArrivalDate yes
SyncState $STATE/
`

// Command writes the configuration and returns the command for one run.
func (s Setup) Command(ctx context.Context) (*exec.Cmd, error) {
	text, err := s.Config()
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{s.Maildirs(), filepath.Join(s.Dir, "state")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	file := filepath.Join(s.Dir, "mbsyncrc")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	program := Program()
	if program == "" {
		return nil, fmt.Errorf("mbsync: %w", exec.ErrNotFound)
	}
	return exec.CommandContext(ctx, program, "-c", file, "-q", "all"), nil
}
