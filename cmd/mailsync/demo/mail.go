package demo

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Begin is the date of the demo's oldest message. The dates are fixed, so that the
// demo is the same every time.
var Begin = time.Date(2024, time.February, 26, 8, 30, 0, 0, time.UTC)

// IMAPMail makes a few dozen messages of all sorts, in nested and non-ASCII mailboxes.
// The odd ones are of kinds that have made mail programs lose bytes.
func IMAPMail() []Sample {
	var all []Sample
	add := func(mailbox string, text string, flags ...imap.Flag) {
		all = append(all, Sample{mailbox, Begin.Add(time.Duration(len(all)) * 31 * time.Hour), flags, []byte(text)})
	}
	for i, m := range []struct{ from, subject, body string }{
		{"Charles Babbage <charles@engine.example>", "Plans for the mill", "The drawings are done.\r\n"},
		{"Mary Somerville <mary@sky.example>", "Dinner on Friday?", "Eight o'clock, if it suits you.\r\n"},
		{"Michael Faraday <michael@ri.example>", "Grüße aus der Royal Institution", "Schöne Grüße!\r\n"},
		{"Charles Babbage <charles@engine.example>", "Re: Plans for the mill", "> The drawings are done.\r\nSplendid.\r\n"},
		{"Post <noreply@post.example>", "Your parcel has come", "It waits at the counter.\r\n"},
		{"Augustus De Morgan <gus@logic.example>", "Bernoulli numbers", "B7 is 0, as you said.\r\n"},
	} {
		flags := [][]imap.Flag{{imap.FlagSeen, imap.FlagAnswered}, {imap.FlagSeen}, {imap.FlagSeen, imap.FlagFlagged}, nil, nil, nil}[i]
		add("INBOX", Letter(m.from, m.subject, "text/plain; charset=utf-8", m.body), flags...)
	}
	for _, odd := range oddMail() {
		add("INBOX", odd)
	}
	for i := range 9 {
		add("Archive/2023", Letter("Mary Somerville <mary@sky.example>", fmt.Sprintf("Letter %d", i+1),
			"text/plain", strings.Repeat("On the connexion of the sciences.\r\n", 20*(i+1))), imap.FlagSeen)
	}
	add("Archive/2024", multipart("Drawings", "drawing.png", 40_000), imap.FlagSeen)
	add("Archive/2024", multipart("Table of Bernoulli numbers", "números.csv", 9_000), imap.FlagSeen)
	for i := range 7 {
		add("Lists/Difference Engine", Letter("list@engine.example", fmt.Sprintf("[engine] Digest %d", i+1),
			"text/plain", strings.Repeat("A cog, a wheel, a lever.\r\n", 8)))
	}
	add("Entwürfe", Letter("Ada Lovelace <ada@example.org>", "Noch nicht fertig", "text/plain", "Liebe Mary,\r\n"), imap.FlagDraft, imap.FlagSeen)
	add("日本語", Letter("友人 <friend@example.jp>", "こんにちは", "text/plain; charset=utf-8", "お元気ですか。\r\n"))
	return all
}

// lateSample is the message that arrives between two syncs.
func lateSample() Sample {
	return Sample{"INBOX", Begin.AddDate(0, 2, 0), nil,
		[]byte(Letter("Charles Babbage <charles@engine.example>", "It works", "text/plain", "The mill turns!\r\n"))}
}

// POP3Mail are the messages of the POP3 account.
func POP3Mail() []string {
	letters := []string{
		Letter("Hedge Row Broadband <bills@isp.example>", "Your bill for March", "text/plain", "It is in the attachment.\r\n.\r\nThe dot above is a line of its own.\r\n"),
		Letter("Annabella <mother@example.org>", "Sunday", "text/plain; charset=utf-8", "Come to tea – bring the poems.\r\n"),
	}
	for i := range 4 {
		letters = append(letters, Letter("Hedge Row Broadband <news@isp.example>", fmt.Sprintf("News %d", i+1), "text/plain",
			strings.Repeat("Faster, cheaper, better.\r\n", 10*(i+1))))
	}
	return append(letters, multipart("The bill", "bill.pdf", 20_000))
}

// LateLetter arrives at the POP3 server between two syncs.
func LateLetter() string {
	return Letter("Annabella <mother@example.org>", "Re: Sunday", "text/plain", "Four o'clock.\r\n")
}

// Letter is an ordinary message.
func Letter(from, subject, kind, body string) string {
	name, address, _ := strings.Cut(from, " <")
	if address != "" {
		from = mime.QEncoding.Encode("utf-8", name) + " <" + address
	}
	return "From: " + from + "\r\nTo: Ada Lovelace <ada@example.org>\r\nSubject: " + mime.QEncoding.Encode("utf-8", subject) +
		"\r\nMIME-Version: 1.0\r\nContent-Type: " + kind + "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + body
}

// multipart is a message with an attachment of so many bytes.
func multipart(subject, file string, size int) string {
	const boundary = "=_engine_"
	encoded := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("cogwheel"), size/8))
	var lines strings.Builder
	for len(encoded) > 76 {
		lines.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	return Letter("Charles Babbage <charles@engine.example>", subject, `multipart/mixed; boundary="`+boundary+`"`,
		"--"+boundary+"\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n--"+boundary+
			"\r\nContent-Type: application/octet-stream\r\nContent-Disposition: "+
			mime.FormatMediaType("attachment", map[string]string{"filename": file})+
			"\r\nContent-Transfer-Encoding: base64\r\n\r\n"+lines.String()+encoded+"\r\n--"+boundary+"--\r\n")
}

// oddMail is mail that is not as it should be, and has to arrive byte for byte.
func oddMail() []string {
	head := func(subject string) string {
		return "From: odd@example.org\r\nTo: ada@example.org\r\nSubject: " + subject + "\r\n"
	}
	return []string{
		head("no body at all") + "\r\n",
		head("bare line feeds") + "\r\nthese lines\nend without\na carriage return\n",
		head("a bare carriage return") + "\r\none\rtwo\r\n",
		head("no line end at the end") + "\r\nthis is all",
		head("8-bit without saying so") + "\r\nna\xefve caf\xe9 in Latin-1\r\n",
		head("a line of 20,000 characters") + "\r\n" + strings.Repeat("0123456789", 2000) + "\r\n",
		head("dots") + "\r\n.\r\n..\r\nFrom the beginning of a line\r\n",
		head("raw 8-bit in the header: gr\xfc\xdfe") + "X-Empty:\r\nX-Empty: \r\nX-Folded: one\r\n\ttwo\r\n   three\r\n" +
			"X-Long: " + strings.Repeat("x", 3000) + "\r\nSubject: a second subject\r\n\r\nodd headers\r\n",
		head("a zero byte") + "\r\nbefore\x00after\r\n",
	}
}
