package port

import (
	"context"
	"fmt"
	"log/slog"

	"mailsync/state"
)

// Note reports something to the user that is not a failure.
func (a *Account) Note(mailbox, text, hint string) {
	if a.Watch != nil {
		a.Watch.Note(mailbox, text, hint)
	}
}

// Doing tells who looks on what the run does now, and in which mailbox, "" for none.
func (a *Account) Doing(what, mailbox string) {
	if a.Watch != nil {
		a.Watch.Doing(what, mailbox)
	}
}

// Planned tells who looks on of bodies that are to be fetched, sent or read, or, negative, that they will not be.
func (a *Account) Planned(messages int, octets int64) {
	if a.Watch != nil && (messages != 0 || octets != 0) {
		a.Watch.Planned(messages, octets)
	}
}

// Arrived tells who looks on of bodies that were fetched, sent or read, and of octets of any of them.
func (a *Account) Arrived(messages int, octets int64) {
	if a.Watch != nil && (messages != 0 || octets != 0) {
		a.Watch.Arrived(messages, octets)
	}
}

// LogMessage logs what was done about one message, of which octets is the size, 0 where it is not known.
func (a *Account) LogMessage(mailbox, op, text string, uid state.UID, octets int64) {
	if !a.Logs(slog.LevelDebug) {
		return
	}
	attrs := append(about(a.Name, mailbox, uid), slog.String("op", op))
	if octets > 0 {
		attrs = append(attrs, slog.Int64("bytes", octets))
	}
	a.Log.LogAttrs(context.Background(), slog.LevelDebug, text, attrs...)
}

// Infof logs something about a mailbox, "" for the account.
func (a *Account) Infof(mailbox, format string, args ...any) {
	a.logf(slog.LevelInfo, mailbox, format, args)
}

// Debugf logs a detail about a mailbox.
func (a *Account) Debugf(mailbox, format string, args ...any) {
	a.logf(slog.LevelDebug, mailbox, format, args)
}

func (a *Account) logf(level slog.Level, mailbox, format string, args []any) {
	if !a.Logs(level) {
		return
	}
	a.Log.LogAttrs(context.Background(), level, fmt.Sprintf(format, args...), about(a.Name, mailbox, 0)...)
}

// about are the attributes of what a record is about. mailbox is "" for the account, uid 0 for the mailbox.
func about(account, mailbox string, uid state.UID) []slog.Attr {
	attrs := []slog.Attr{slog.String("account", account)}
	if mailbox != "" {
		attrs = append(attrs, slog.String("mailbox", mailbox))
	}
	if uid != 0 {
		attrs = append(attrs, slog.Uint64("uid", uint64(uid)))
	}
	return attrs
}

// Logs reports whether records of a level are wanted: without -v nothing is made for them.
func (a *Account) Logs(level slog.Level) bool {
	return a.Log != nil && a.Log.Enabled(context.Background(), level)
}
