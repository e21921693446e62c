package seeded

import (
	"bufio"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
)

// capabilities are what a good server of today has, where it matters.
const capabilities = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN ENABLE ID NAMESPACE UNSELECT UIDPLUS CONDSTORE ESEARCH " +
	"LIST-EXTENDED LIST-STATUS STATUS=SIZE SPECIAL-USE"

// session is one connection.
type session struct {
	*Server
	in  *bufio.Reader
	out *bufio.Writer
	tag string
}

func (c *session) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\r\n", args...) }
func (c *session) ok(text string)                 { c.say("%s OK %s", c.tag, text) }

// line is the next one that the client sends. What was said goes out where nothing was sent yet.
func (c *session) line() (string, bool) {
	if c.in.Buffered() == 0 && c.out.Flush() != nil {
		return "", false
	}
	line, err := c.in.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err == nil
}

func (c *session) serve() {
	c.say("* OK [CAPABILITY %s] ready", capabilities)
	for {
		line, ok := c.line()
		if !ok {
			return
		}
		var verb, args string
		c.tag, line, _ = strings.Cut(line, " ")
		verb, args, _ = strings.Cut(line, " ")
		if verb = strings.ToUpper(verb); verb == "UID" {
			verb, args, _ = strings.Cut(args, " ")
			verb = "UID " + strings.ToUpper(verb)
		}
		c.do(verb, args)
		if verb == "LOGOUT" {
			_ = c.out.Flush() // a client that is gone already does not mind
			return
		}
	}
}

func (c *session) do(verb, args string) {
	switch verb {
	case "CAPABILITY":
		c.say("* CAPABILITY %s", capabilities)
	case "LOGOUT":
		c.say("* BYE")
	case "LOGIN", "AUTHENTICATE":
		if verb == "AUTHENTICATE" && !strings.Contains(args, " ") {
			c.say("+ ")
			c.line()
		}
		c.mu.Lock()
		c.count.LogIns++
		c.mu.Unlock()
		c.ok("[CAPABILITY " + capabilities + "] logged in")
		return
	case "ID":
		c.say(`* ID ("name" "seeded")`)
	case "ENABLE":
		c.say("* ENABLED CONDSTORE")
	case "NAMESPACE":
		c.say(`* NAMESPACE (("" "/")) NIL NIL`)
	case "LIST":
		c.say(`* LIST (\HasNoChildren) "/" "INBOX"`)
		if strings.Contains(args, "STATUS (") {
			c.status()
		}
	case "STATUS":
		c.status()
	case "SELECT", "EXAMINE":
		c.open(verb)
		return
	case "UID FETCH":
		c.fetch(args)
	case "UID SEARCH":
		c.search(args)
	case "UID STORE":
		set, _, _ := strings.Cut(args, " ")
		c.mark(c.uids(set))
	case "UID EXPUNGE":
		for _, n := range c.expunge(c.uids(args)) {
			c.say("* %d EXPUNGE", n)
		}
	case "NOOP", "CHECK", "CLOSE", "UNSELECT", "SUBSCRIBE":
	default:
		c.say("%s BAD not here: %s", c.tag, verb)
		return
	}
	c.ok("done")
}

func (c *session) status() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var size int64
	for _, uid := range c.live {
		size += c.Mail.Size(uid)
	}
	c.say(`* STATUS "INBOX" (MESSAGES %d UIDNEXT %d UIDVALIDITY 7 UNSEEN 0 HIGHESTMODSEQ %d SIZE %d)`,
		len(c.live), c.Mail.Last()+1, c.modseq(), size)
}

func (c *session) open(verb string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.say(`* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)`)
	c.say(`* OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft)] flags`)
	c.say("* %d EXISTS\r\n* 0 RECENT", len(c.live))
	c.say("* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT %d] next\r\n* OK [HIGHESTMODSEQ %d] highest", c.Mail.Last()+1, c.modseq())
	c.ok(map[string]string{"SELECT": "[READ-WRITE] open", "EXAMINE": "[READ-ONLY] open"}[verb])
}

// fetch answers UID FETCH of UID, FLAGS, INTERNALDATE, RFC822.SIZE, MODSEQ and BODY.PEEK[], with
// CHANGEDSINCE.
func (c *session) fetch(args string) {
	set, rest, _ := strings.Cut(args, " ")
	rest, since, changed := strings.Cut(rest, "(CHANGEDSINCE ")
	last, _ := strconv.ParseUint(strings.Trim(since, " )"), 10, 64)
	items := strings.Fields(strings.Trim(strings.TrimSpace(rest), "()"))
	if !slices.Contains(items, "UID") {
		items = append([]string{"UID"}, items...)
	}
	if changed && !slices.Contains(items, "MODSEQ") {
		items = append(items, "MODSEQ")
	}
	c.mu.Lock()
	live := c.live
	c.mu.Unlock()
	for _, uid := range c.uids(set) {
		modseq, deleted := c.modseqOf(uid)
		if changed && modseq <= last {
			continue
		}
		at, _ := slices.BinarySearch(live, uid)
		fmt.Fprintf(c.out, "* %d FETCH (", at+1)
		for i, item := range items {
			if i > 0 {
				c.out.WriteByte(' ')
			}
			c.item(uid, item, modseq, deleted)
		}
		c.out.WriteString(")\r\n")
	}
}

func (c *session) item(uid uint32, item string, modseq uint64, deleted bool) {
	switch item {
	case "UID":
		fmt.Fprintf(c.out, "UID %d", uid)
	case "FLAGS":
		var flags []string
		if Seen(uid) {
			flags = append(flags, `\Seen`)
		}
		if deleted {
			flags = append(flags, `\Deleted`)
		}
		fmt.Fprintf(c.out, "FLAGS (%s)", strings.Join(flags, " "))
	case "INTERNALDATE":
		c.out.WriteString(Date(uid).Format(`INTERNALDATE "02-Jan-2006 15:04:05 -0700"`))
	case "RFC822.SIZE":
		fmt.Fprintf(c.out, "RFC822.SIZE %d", c.Mail.Size(uid))
	case "MODSEQ":
		fmt.Fprintf(c.out, "MODSEQ (%d)", modseq)
	case "BODY.PEEK[]":
		fmt.Fprintf(c.out, "BODY[] {%d}\r\n", c.Mail.Size(uid))
		_ = c.Mail.Write(c.out, uid, "\r\n") // the next flush tells
	}
}

// search answers UID SEARCH of ALL and of UID sets (RFC 4731).
func (c *session) search(args string) {
	args, extended := strings.CutPrefix(args, "RETURN (ALL) ")
	set := "1:*"
	if words := strings.Fields(args); len(words) == 2 && words[0] == "UID" {
		set = words[1]
	}
	found := c.uids(set)
	if !extended {
		c.say("* SEARCH%s", strings.TrimRight(" "+strings.Trim(fmt.Sprint(found), "[]"), " "))
		return
	}
	var parts []string
	for i := 0; i < len(found); {
		j := i
		for j+1 < len(found) && found[j+1] == found[j]+1 {
			j++
		}
		parts = append(parts, fmt.Sprintf("%d:%d", found[i], found[j]))
		i = j + 1
	}
	all := ""
	if len(parts) > 0 {
		all = " ALL " + strings.Join(parts, ",")
	}
	c.say(`* ESEARCH (TAG "%s") UID%s`, c.tag, all)
}

// ranges are the parts of a set.
func ranges(set string) iter.Seq2[uint32, uint32] {
	number := func(s string) uint32 {
		if s == "*" {
			return math.MaxUint32
		}
		n, _ := strconv.ParseUint(s, 10, 32)
		return uint32(n)
	}
	return func(yield func(lo, hi uint32) bool) {
		for part := range strings.SplitSeq(set, ",") {
			lo, hi, isRange := strings.Cut(part, ":")
			if !isRange {
				hi = lo
			}
			a, b := number(lo), number(hi)
			if !yield(min(a, b), max(a, b)) {
				return
			}
		}
	}
}
