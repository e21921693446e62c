package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mailsync/backends/redact"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
)

// logs is where the log of one run of the program goes: to people on stderr (-v, -vv), and to the
// file of --log-file. The zero logs has neither.
type logs struct {
	file    *logFile     // nil: none
	record  *slog.Logger // writes to the file; nil without one
	began   time.Time
	mu      sync.Mutex
	secrets []*redact.Secrets // of the accounts
}

// keep has secrets removed from every record. They are added to as they become known.
func (l *logs) keep(s *redact.Secrets) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = append(l.secrets, s)
}

func (l *logs) hide(text string) string {
	l.mu.Lock()
	all := l.secrets
	l.mu.Unlock()
	for _, s := range all {
		text = s.Hide(text)
	}
	return text
}

// level is what -v asks for; -vv adds a line a message, also in the file.
func (f *flags) level() slog.Level {
	if f.verbose > 1 {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// openLogs opens the log file before anything else is done, and notes there that the command begins.
func (p *program) openLogs(c *cobra.Command) error {
	l := &p.logs
	l.began = time.Now()
	if p.flags.logFile == "" {
		return nil
	}
	f, err := openLogFile(p.flags.logFile)
	if err != nil {
		return err
	}
	l.file = f
	l.record = slog.New(report.Lines(f, p.flags.level(), l.hide)).With("pid", os.Getpid())
	l.record.Info("run began", "command", c.Name(), "version", version())
	if f.others != "" && !p.flags.quiet { // it is said, and is not a failure
		report.New(report.Options{Out: p.stdout, Err: p.stderr}).Wrong(state.Faultf(state.Other, "the log file %s %s", p.flags.logFile, f.others).
			WithHint("\"chmod 600\" makes it private"))
	}
	return nil
}

// closeLogs notes how the run ended, and reports what could not be written.
func (p *program) closeLogs(code int) int {
	l := &p.logs
	if l.file == nil {
		return code
	}
	level := slog.LevelInfo
	if code != 0 {
		level = slog.LevelError
	}
	l.record.Log(context.Background(), level, "run ended", "exit", code, "seconds", time.Since(l.began).Seconds())
	if err := l.file.close(); err != nil {
		r := report.New(report.Options{Out: p.stdout, Err: p.stderr})
		r.Wrong(err)
		if code == 0 {
			return int(state.KindOf(err))
		}
	}
	return code
}

// log is the log of a run: for people where -v asks for it, and in the file. Without both nothing is
// made for it.
func (p *program) log(r *report.Report) *slog.Logger {
	var to []slog.Handler
	if p.flags.verbose > 0 && !p.flags.quiet {
		to = append(to, r.People(p.flags.level(), p.logs.hide))
	}
	if p.logs.record != nil {
		to = append(to, p.logs.record.Handler())
	}
	return slog.New(slog.NewMultiHandler(to...))
}

// logFile is a file that is appended to, a line at a time. Many runs may write to one. Nothing is ever
// rotated here: a program that renames it finds the rest of this run in the renamed file.
type logFile struct {
	mu     sync.Mutex
	file   *os.File
	others string // who else can read it or write to it, in words; ""
	pipe   bool   // whoever reads may have stopped
	torn   bool   // it does not end with a whole line
	lost   int    // lines that could not be written
	why    error
}

// pipeWait is how long a line may take to be written to a pipe.
const pipeWait = 2 * time.Second

// openLogFile opens a log file, or creates it for the user alone. One that is there keeps its mode.
func openLogFile(path string) (*logFile, error) {
	// Without O_NONBLOCK, opening a pipe that nobody reads would wait for a reader.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY|syscall.O_NONBLOCK, 0o600)
	if err == nil {
		var l *logFile
		if l, err = usableLog(f); err == nil {
			return l, nil
		}
		_ = f.Close() // nothing was written
	}
	if errors.Is(err, syscall.ENXIO) {
		err = errors.New("nobody reads this pipe")
	}
	return nil, state.Faultf(state.Storage, "--log-file %s: %w", path, pathless(err))
}

// pathless is an error without the path, which its caller names.
func pathless(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

func usableLog(f *os.File) (*logFile, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	l := &logFile{file: f, pipe: !info.Mode().IsRegular()}
	if l.pipe {
		return l, nil
	}
	switch mode := info.Mode().Perm(); {
	case runtime.GOOS == "windows": // modes say nothing there
	case mode&0o022 != 0:
		l.others = "can be changed by others"
	case mode&0o044 != 0:
		l.others = "can be read by others"
	}
	l.torn = info.Size() > 0 && !endsLine(f.Name(), info.Size())
	return l, nil
}

// endsLine reports whether a file's last line is whole. A run that met a full disk may have left half of one.
func endsLine(path string, size int64) bool {
	f, err := os.Open(path)
	if err != nil {
		return true // it may be written and not read
	}
	defer func() { _ = f.Close() }() // it was only read
	last := make([]byte, 1)
	_, err = f.ReadAt(last, size-1)
	return err != nil || last[0] == '\n'
}

// Write takes one line. That it cannot be written does not stop the run; close reports it.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := line
	if l.torn {
		text = slices.Concat([]byte("\n"), line)
	}
	if l.pipe {
		_ = l.file.SetWriteDeadline(time.Now().Add(pipeWait)) // a device has none
	}
	n, err := l.file.Write(text)
	if n > 0 {
		l.torn = n < len(text)
	}
	if err != nil {
		l.lost++
		if l.why == nil {
			l.why = err
		}
		return n, err
	}
	return len(line), nil
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.file.Close()
	if l.why != nil {
		return state.Faultf(state.Storage, "--log-file %s: %s could not be written: %w", l.file.Name(), report.Plural(l.lost, "line"), pathless(l.why)).
			WithHint("everything else was done as reported")
	}
	if err != nil {
		return state.Faultf(state.Storage, "--log-file %s: %w", l.file.Name(), pathless(err))
	}
	return nil
}
