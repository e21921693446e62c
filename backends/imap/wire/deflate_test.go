package wire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// deflated turns compression on at the server's end and returns what it is written to.
func deflated(p *script.Peer) *flate.Writer {
	p.Expect("COMPRESS DEFLATE")
	p.Send("$tag OK on")
	var fw *flate.Writer
	p.Wrap(func(c net.Conn) (io.Reader, io.Writer) {
		fw, _ = flate.NewWriter(c, flate.BestSpeed) // the level is one there is
		return flate.NewReader(bufio.NewReader(c)), flushed{fw}
	})
	return fw
}

// A compressed stream that is cut off, in a line, in a literal, in the middle of a block
// or between blocks, is an error, and no message.
func TestACompressedStreamCutOff(t *testing.T) {
	body := strings.Repeat("all work and no play makes jack a dull boy\r\n", 3000)
	whole := "* 1 FETCH (UID 7 BODY[] " + script.Literal(body) + ")\r\n"
	var packed bytes.Buffer
	fw, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(flushed{fw}, whole); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 20, 30, packed.Len() / 2, packed.Len() - 20} {
		s := script.New(t, func(p *script.Peer) {
			p.Send("* OK [CAPABILITY IMAP4rev1] hi")
			p.Expect("COMPRESS DEFLATE")
			p.Send("$tag OK on")
			p.Wrap(func(c net.Conn) (io.Reader, io.Writer) { return flate.NewReader(bufio.NewReader(c)), c })
			p.Expect("UID FETCH *")
			p.Raw(packed.Bytes()[:n])
		})
		r := newRigOn(t, s, Options{})
		if err := r.conn.Compress(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := r.fetch(imap.UIDSetNum(7), bodies)
		if err == nil || len(got) > 0 && got[0].body == body {
			t.Errorf("cut after %d: %v, %d messages", n, err, len(got))
		}
		if cause := r.conn.LastError(); cause == nil || !errors.Is(cause, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d: broke with %v", n, cause)
		}
	}
}

func TestAGarbledCompressedStream(t *testing.T) {
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		p.Expect("COMPRESS DEFLATE")
		p.Send("$tag OK on")
		p.Raw(bytes.Repeat([]byte{0xff}, 100))
		p.Stall()
	})
	r := newRigOn(t, s, Options{})
	if err := r.conn.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.client.Noop().Wait(); err == nil {
		t.Error("garbage was an answer")
	}
	if err := r.conn.LastError(); state.KindOf(err) != state.Unreachable || !strings.Contains(state.HintOf(err), "never") {
		t.Errorf("broke with %v", err)
	}
}

// What a few octets unpack to is bounded like anything else.
func TestACompressedBomb(t *testing.T) {
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		p.MayEnd = true
		fw := deflated(p)
		p.Expect("XALL")
		zeros := bytes.Repeat([]byte("x"), 1<<20)
		for range 1000 { // a line of a thousand MiB
			if _, err := fw.Write(zeros); err != nil {
				return
			}
		}
	})
	r := newRigOn(t, s, Options{MaxLine: 4 << 20})
	if err := r.conn.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := r.conn.Do(t.Context(), "XALL", nil)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("error %v", err)
	}
	if grew := int64(after.Sys) - int64(before.Sys); grew > 64<<20 {
		t.Errorf("took %d octets more", grew)
	}
}

// Literals of ours are packed too, and wait for nothing.
func TestLiteralsGoOutCompressed(t *testing.T) {
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		deflated(p)
		a, b := p.Expect("APPEND x {200000+}"), p.Expect("APPEND x {100}")
		if string(a.Literals[0]) != letters(200000) || string(b.Literals[0]) != letters(100) {
			p.Errorf("other literals came")
		}
		p.Send(a.Tag + " OK")
		p.Send(b.Tag + " OK")
		p.Expect("NOOP")
		p.Send("$tag OK")
	})
	r := newRigOn(t, s, Options{})
	if err := r.conn.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sent []*Sent
	for _, lit := range []Literal{octets(200000, false), octets(100, true)} {
		one, err := r.conn.SendLiteral(t.Context(), "APPEND x", lit)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, one)
	}
	for _, one := range sent {
		if _, err := one.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := r.conn.BytesWritten(); n > 50_000 {
		t.Errorf("wrote %d octets", n)
	}
	r.alive()
}
