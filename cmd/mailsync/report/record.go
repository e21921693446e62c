package report

import (
	"context"
	"log/slog"

	"mailsync/sync/port"
)

// What the report prints by itself is in the log file, too: --quiet says nothing of it, and cron's mail is
// gone by the time somebody asks. Failures are logged where they happen.

// record writes something about an account, or about none, to the log file.
func (r *Report) record(level slog.Level, text string, attrs ...slog.Attr) {
	if r.opts.Record != nil {
		r.opts.Record.LogAttrs(context.Background(), level, text, attrs...)
	}
}

func (r *Report) recordNote(level slog.Level, account, mailbox, text, hint string) {
	var attrs []slog.Attr
	for _, a := range []slog.Attr{slog.String("account", account), slog.String("mailbox", mailbox), slog.String("hint", hint)} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	r.record(level, text, attrs...)
}

// recordDone writes how an account's run ended.
func (r *Report) recordDone(s Summary) {
	level := map[string]slog.Level{"ok": slog.LevelInfo, "partial": slog.LevelWarn}
	at, known := level[s.Status]
	if !known {
		at = slog.LevelError
	}
	r.record(at, "account done", slog.String("account", s.Account), slog.String("status", s.Status), slog.String("summary", s.String()),
		slog.Int("on_server", s.OnServer), slog.Int("here", s.Here), slog.Int("outstanding", s.Outstanding),
		slog.Int("problems", len(s.Errors)), slog.Int64("commands", s.Commands), slog.Float64("seconds", s.Seconds), slog.Any("done", port.Done(s.Changes)))
}
