package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mailsync/state"
)

const lastRunName = "last-run.json"

// LastRun is what is known of an account's last run, and of the last one that succeeded. It is
// written after the run and not fsynced: nothing but the clock rule and status asks for it.
type LastRun struct {
	Command string          `json:"command"`
	Part    bool            `json:"part,omitempty"` // it was about some of the mailboxes only
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended"` // by the clock of that run
	Status  string          `json:"status"`
	Summary json.RawMessage `json:"summary,omitempty"` // the caller's own
	// Quota is what the server last answered, and QuotaAsked when; a run that did not ask
	// keeps what is there.
	Quota      []state.Quota `json:"quota,omitempty"`
	QuotaAsked time.Time     `json:"quota_asked,omitzero"`
	// Gone are the paths of the Maildirs whose mailboxes the server's last complete list lacked. Unknown are mailboxes
	// that the server had, and of which nothing was recorded then.
	Gone    []string `json:"gone,omitempty"`
	Unknown []string `json:"unknown,omitempty"`
	// Login is how the account logged in with a password, nil where that is not known. Later runs keep it.
	Login *Login `json:"login,omitempty"`
	// Success is the last run after which all mail was here, nil where none is known. Later
	// runs keep it.
	Success *Success `json:"success,omitempty"`
}

// Success is a run that fetched everything there was to fetch, of all mailboxes.
type Success struct {
	Command string    `json:"command"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
}

// Login is a way of logging in that worked: a SASL mechanism, or a command of the protocol's.
type Login struct {
	Host string `json:"host"`
	User string `json:"user"`
	Way  string `json:"way"`
}

// ReadLastRun returns the last run of a state directory; false where there was none or
// its file cannot be parsed. Then only Ended is known: when the state file
// was last written. An error is a disk that does not answer.
func ReadLastRun(dir string) (LastRun, bool, error) {
	b, err := os.ReadFile(filepath.Join(dir, lastRunName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return LastRun{}, false, storageFault("read the last run", err)
	}
	var l LastRun
	if err == nil && json.Unmarshal(b, &l) == nil && !l.Ended.IsZero() {
		return l, true, nil
	}
	info, err := os.Stat(filepath.Join(dir, storeName))
	if errors.Is(err, fs.ErrNotExist) {
		return LastRun{}, false, nil
	}
	if err != nil {
		return LastRun{}, false, storageFault("read the last run", err)
	}
	return LastRun{Ended: info.ModTime()}, false, nil
}

// WriteLastRun replaces what is known of the last run. The caller holds the lock.
func WriteLastRun(dir string, l LastRun) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write the last run: %w", err)
	}
	return storageFault("write the last run", replaceFile(filepath.Join(dir, lastRunName), append(b, '\n'), false))
}

// maxGap is how long after the last run a clock is still trusted.
const maxGap = 400 * 24 * time.Hour

// ClockTrusted reports whether ages count in a run that begins now: its clock is neither
// before the last run's nor more than 400 days after it. Where no run is known, it is.
// The reason is for people.
func (l LastRun) ClockTrusted(now time.Time) (trusted bool, reason string) {
	switch {
	case l.Ended.IsZero():
		return true, ""
	case now.Before(l.Ended):
		return false, fmt.Sprintf("the clock says %s, and the last run ended at %s",
			now.UTC().Format(time.RFC3339), l.Ended.UTC().Format(time.RFC3339))
	case now.Sub(l.Ended) > maxGap:
		return false, fmt.Sprintf("the clock says %s, more than 400 days after the last run ended at %s",
			now.UTC().Format(time.RFC3339), l.Ended.UTC().Format(time.RFC3339))
	}
	return true, ""
}
