package report

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"mailsync/sync/port"
)

// This file is what log records look like. People read lines on stderr (-v, -vv):
//
//	work: connected to imap.example.org:993, TLS 1.3
//	work: INBOX: 20 fetched (1.2 MiB), 3 flagged on the server
//	work: INBOX: uid 4711: fetched (4.1 KiB)
//
// Programs read JSON (--log-file). A record's keys are account, mailbox, uid, key, op, count, bytes,
// err, and done for the counts of a mailbox. Texts in both are cut and escaped as everywhere, and
// hide removes secrets first.

// People returns a handler that prints records for people on stderr, kept apart from the progress.
// It leaves out failures: these are printed when the account is done.
func (r *Report) People(level slog.Level, hide func(string) string) slog.Handler {
	return people{r: r, level: level, hide: hide}
}

type people struct {
	r     *Report
	level slog.Level
	hide  func(string) string
	attrs []slog.Attr
}

func (p people) Enabled(_ context.Context, level slog.Level) bool { return level >= p.level }

func (p people) WithAttrs(attrs []slog.Attr) slog.Handler {
	p.attrs = append(p.attrs[:len(p.attrs):len(p.attrs)], attrs...)
	return p
}

// WithGroup is for programs; people read the message.
func (p people) WithGroup(string) slog.Handler { return p }

func (p people) Handle(_ context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelError {
		return nil
	}
	l := logLine{text: p.text(rec.Message)}
	for _, a := range p.attrs {
		p.add(&l, a)
	}
	rec.Attrs(func(a slog.Attr) bool {
		p.add(&l, a)
		return true
	})
	_, err := io.WriteString(p.r.Log(), l.String()+"\n")
	return err
}

// text is a value as it may be shown.
func (p people) text(s string) string { return clean(p.hide(s)) }

// logLine is a record on its way to a line.
type logLine struct {
	account, mailbox, uid string
	text, size, more      string
}

func (l logLine) String() string {
	var b strings.Builder
	for _, at := range []string{l.account, l.mailbox, l.uid} {
		if at != "" {
			b.WriteString(at + ": ")
		}
	}
	return b.String() + l.text + l.size + l.more
}

func (p people) add(l *logLine, a slog.Attr) {
	value := a.Value.Resolve()
	switch a.Key {
	case "account":
		l.account = p.text(value.String())
	case "mailbox":
		l.mailbox = p.text(value.String())
	case "uid":
		if value.String() != "0" {
			l.uid = "uid " + value.String()
		}
	case "op", "count": // the message says it in words
	case "bytes":
		l.size = " (" + Size(value.Int64()) + ")"
	case "err":
		l.more += ": " + p.text(value.String())
	case "done":
		did, _ := a.Value.Any().(port.Done)
		if l.text = Changes(did).String(); l.text == "" {
			l.text = "nothing done"
		}
	case "left":
		l.more += "; left for the next run: " + p.text(value.String())
	default:
		l.more += fmt.Sprintf(", %s %s", clean(a.Key), p.text(value.String()))
	}
}

// Lines returns a handler that writes records as JSON, one object a line, each with one call of Write.
func Lines(w io.Writer, level slog.Level, hide func(string) string) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch v := a.Value; v.Kind() {
		case slog.KindTime:
			a.Value = slog.StringValue(v.Time().Format("2006-01-02T15:04:05.000Z07:00"))
		case slog.KindString:
			a.Value = slog.StringValue(clean(hide(v.String())))
		case slog.KindAny:
			if _, isLevel := v.Any().(slog.Level); !isLevel {
				a.Value = slog.StringValue(clean(hide(fmt.Sprint(v.Any()))))
			}
		}
		return a
	}})
}
