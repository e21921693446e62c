package corpus

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

// Mailboxes are ten names as people have them: nested, with and without a mailbox at
// the level above, and not only in ASCII. Levels are separated by "/".
func Mailboxes() []string {
	return []string{
		"INBOX",
		"Work",
		"Work/2024",
		"Work/2024/Travel & Expenses",
		"Lists/golang-nuts",
		"Entwürfe",
		"Écoles/Été",
		"日本語/受信箱",
		"Работа/Проекты/Почта",
		"Sent Items",
	}
}

// Nasty are names that a file system, a Maildir reader or a careless program could
// trip over. Levels are separated by "/". A server may refuse some of them.
func Nasty() []string {
	return []string{
		"cur", "new", "tmp", "cur/new", "Work/tmp",
		"CON", "nul.txt", "COM1/LPT9",
		"..", "../escape", "a/../b", "a/.", ".hidden", "...",
		"back\\slash", "co:lon", "qu\"ote", "pi|pe", "<angle>", "que?ry",
		"percent%41", "%2F", "trailing dot.", "trailing blank ", " leading blank",
		"~", "~root", "-rf", "$HOME", "`id`", "$(id)", "'; drop",
		"&", "&-", "a&b", "AT&T & Co",
		"case", "Case", "CASE", "Stra\u00dfe", "STRASSE",
		"caf\u00e9", "cafe\u0301",
		"\U0001f4e7 mail", "right\u202eto left", "zero\u200bwidth",
		"mailsync.marker", ".mailsync", "mailsync.state", "dovecot-uidlist", "dovecot-keywords",
		"maildirfolder", "courierimapuiddb", "subscriptions",
		strings.Repeat("long", 50), strings.Repeat("ü", 100), strings.Repeat("deep/", 15) + "bottom",
		"inbox2", "INBOX/below", "Inbox/Below",
	}
}

// WireName spells a decoded name as IMAP sends it, in modified UTF-7 (RFC 3501 section
// 5.1.3).
func WireName(name string) string {
	var out strings.Builder
	var shifted []rune
	flush := func() {
		if len(shifted) == 0 {
			return
		}
		var raw []byte
		for _, unit := range utf16.Encode(shifted) {
			raw = append(raw, byte(unit>>8), byte(unit))
		}
		out.WriteString("&" + strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(raw), "/", ",") + "-")
		shifted = nil
	}
	for _, r := range name {
		if r < ' ' || r > '~' {
			shifted = append(shifted, r)
			continue
		}
		flush()
		if r == '&' {
			out.WriteString("&-")
		} else {
			out.WriteRune(r)
		}
	}
	flush()
	return out.String()
}
