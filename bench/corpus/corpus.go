// Package corpus makes mail to test and measure with: any number of ordinary messages
// from a seed, the odd ones that servers have been seen to hold, and mailbox names.
// The same seed gives the same bytes on every machine.
package corpus

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

// Message is one message as a server would send it.
type Message struct {
	Name  string // of an odd one; "" for an ordinary one
	Raw   []byte
	Date  time.Time // INTERNALDATE, whole seconds
	Flags []string  // as IMAP spells them
}

// The sizes of ordinary messages are log-normal: half of them are below the median,
// and a few large ones carry most of the bytes. largest cuts the tail off.
const (
	medianSize = 6 << 10
	meanSize   = 30 << 10
	largest    = 25 << 20
	smallest   = 600
)

// newest is when the youngest message came; the oldest is ten years older.
var newest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const span = 10 * 365 * 24 * time.Hour

// Messages returns n ordinary messages, oldest first: plain text where they are small,
// with an attachment where they are large, all with CRLF and a Message-ID of their own.
func Messages(seed uint64, n int) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		g := newGenerator(seed)
		for i := range n {
			if !yield(g.message(i, n)) {
				return
			}
		}
	}
}

type generator struct {
	seed  uint64
	rand  *rand.Rand
	words []byte // lines of text
	code  []byte // lines of base64
}

const lineLength = 78 // with CRLF, in both pools

func newGenerator(seed uint64) *generator {
	g := &generator{seed: seed, rand: rand.New(rand.NewPCG(seed, 0x6d61696c))}
	const lines = 8 << 10
	for range lines {
		g.words = append(g.words, g.textLine()...)
		raw := make([]byte, 57)
		for j := range raw {
			raw[j] = byte(g.rand.Uint32())
		}
		g.code = base64.StdEncoding.AppendEncode(g.code, raw)
		g.code = append(g.code, "\r\n"...)
	}
	return g
}

const vocabulary = "the of and to in a is that for it as was with be by on not he his but at are this " +
	"have from or had an they which one you were all her she there would their we him been has when who " +
	"will no more if out so up said what its about than into them can only other time new some could " +
	"invoice meeting attached regards please message server report update schedule project review Grüße " +
	"déjà naïve Zürich kernel patch release"

// textLine is words up to exactly lineLength octets, CRLF included.
func (g *generator) textLine() []byte {
	words := bytes.Fields([]byte(vocabulary))
	line := make([]byte, 0, lineLength)
	for {
		w := words[g.rand.IntN(len(words))]
		if len(line)+len(w)+1 > lineLength-2 {
			break
		}
		line = append(append(line, w...), ' ')
	}
	for len(line) < lineLength-2 {
		line = append(line, '.')
	}
	return append(line, "\r\n"...)
}

// message is the i-th of n.
func (g *generator) message(i, n int) Message {
	date := newest.Add(-span + span/time.Duration(n)*time.Duration(i)).Truncate(time.Second)
	date = date.Add(time.Duration(g.rand.IntN(3600)) * time.Second)
	var b bytes.Buffer
	size := g.size()
	b.Grow(size + 2*lineLength)
	fmt.Fprintf(&b, "Return-Path: <%[1]s@example.org>\r\nReceived: from mx%[2]d.example.net (mx%[2]d.example.net [192.0.2.%[2]d])\r\n"+
		"\tby imap.example.org with ESMTPS id %012[3]x\r\n\tfor <ada@example.org>; %[4]s\r\n",
		g.person(), g.rand.IntN(250), g.rand.Uint64N(1<<48), date.Format(time.RFC1123Z))
	fmt.Fprintf(&b, "Date: %s\r\nFrom: %s@example.org\r\nTo: Ada <ada@example.org>\r\nMessage-ID: <%d.%d@corpus.example>\r\n"+
		"Subject: %s %d\r\nMIME-Version: 1.0\r\n", date.Add(-5*time.Second).Format(time.RFC1123Z), g.person(), g.seed, i, g.person(), i)
	if size < 24<<10 {
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
		g.fill(&b, g.words, size)
	} else {
		boundary := fmt.Sprintf("=_%d_%d", g.seed, i)
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"%[1]s\"\r\n\r\n--%[1]s\r\n"+
			"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary)
		g.fill(&b, g.words, b.Len()+2048)
		fmt.Fprintf(&b, "--%s\r\nContent-Type: application/pdf; name=\"%d.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary, i)
		g.fill(&b, g.code, size-len(boundary)-8)
		fmt.Fprintf(&b, "--%s--\r\n", boundary)
	}
	return Message{Raw: b.Bytes(), Date: date, Flags: g.flags()}
}

func (g *generator) size() int {
	mu := math.Log(medianSize)
	sigma := math.Sqrt(2 * math.Log(float64(meanSize)/medianSize))
	return int(min(max(math.Exp(mu+sigma*g.rand.NormFloat64()), smallest), largest))
}

// fill writes whole lines of a pool, from anywhere in it, until b holds size octets.
func (g *generator) fill(b *bytes.Buffer, pool []byte, size int) {
	for b.Len() < size {
		start := g.rand.IntN(len(pool)/lineLength) * lineLength
		want := (size - b.Len() + lineLength - 1) / lineLength * lineLength
		b.Write(pool[start:min(start+want, len(pool))])
	}
}

func (g *generator) person() string {
	people := [...]string{"grace", "alan", "edsger", "barbara", "donald", "radia", "ken", "sophie"}
	return people[g.rand.IntN(len(people))]
}

func (g *generator) flags() []string {
	var f []string
	for _, c := range []struct {
		name    string
		percent int
	}{{`\Seen`, 80}, {`\Answered`, 12}, {`\Flagged`, 5}, {`\Draft`, 1}, {"$Forwarded", 3}, {"Work", 2}, {"$Label1", 2}} {
		if g.rand.IntN(100) < c.percent {
			f = append(f, c.name)
		}
	}
	return f
}
