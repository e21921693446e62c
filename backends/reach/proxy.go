package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"mailsync/state"
)

// Proxy is a SOCKS5 proxy (RFC 1928). It looks up the server's name: nothing of the way to the server
// depends on this machine's name server.
type Proxy struct {
	Addr     string // host:port
	User     string // with Password, RFC 1929; "": the proxy wants none
	Password string
}

// String hides the password where a proxy is printed.
func (p *Proxy) String() string { return "socks5://" + p.Addr }

// behind is a connection by a proxy: its other end is the server, wherever the proxy is.
type behind struct {
	net.Conn
	addr farAddr
}

func (b *behind) RemoteAddr() net.Addr { return b.addr }

// farAddr is the address of a server that was not looked up here. It is never loopback.
type farAddr string

func (farAddr) Network() string  { return "tcp" }
func (a farAddr) String() string { return string(a) }

// dialProxy connects to the server by the proxy. All of it has to be done within the timeout.
func (s *Server) dialProxy(ctx context.Context) (net.Conn, error) {
	doing := "connect to the proxy " + s.Proxy.Addr
	d := net.Dialer{Timeout: s.Timeout}
	conn, err := d.DialContext(ctx, "tcp", s.Proxy.Addr)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(s.Timeout))
		doing = fmt.Sprintf("connect to %s by the proxy %s", s.Addr(), s.Proxy.Addr)
		err = s.Proxy.connect(conn, s.Host, s.Port)
		if !stop() && err == nil { // ctx ended, and the connection with it
			err = net.ErrClosed
		}
		if err != nil {
			_ = conn.Close()
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, proxyFault(doing, err)
	}
	_ = conn.SetDeadline(time.Time{})
	return &behind{conn, farAddr(fmt.Sprintf("%s by the proxy %s", s.Addr(), s.Proxy.Addr))}, nil
}

// proxyFault is Fault, whose hints are about the proxy.
func proxyFault(doing string, err error) error {
	if refused, ok := errors.AsType[*proxyRefusal](err); ok {
		return state.Faultf(refused.kind, "%s: %w", doing, err).WithHint("%s", refused.tip)
	}
	f := state.Faultf(state.Unreachable, "%s: %w", doing, plain(err))
	return f.WithHint("check the key proxy, and that the proxy runs")
}

// proxyRefusal is what a proxy answered in place of a connection.
type proxyRefusal struct {
	kind      state.Kind
	what, tip string
}

func (r *proxyRefusal) Error() string { return r.what }

const (
	socks5      = 5    // the version
	noAuth      = 0    // methods of RFC 1928 section 3
	byPassword  = 2    //
	noneOfThese = 0xff //

	addrIPv4, addrName, addrIPv6 = 1, 3, 4
)

// proxyReplies are the answers of RFC 1928 section 6.
var proxyReplies = [...]proxyRefusal{
	1: {state.Unreachable, "the proxy failed", "see the proxy's log"},
	2: {state.Unreachable, "the proxy's rules do not allow it", "ask who runs the proxy"},
	3: {state.Unreachable, "the proxy cannot reach the server's network", "check the host, and the proxy's own network"},
	4: {state.Unreachable, "the proxy cannot reach the host", "check the host's spelling, and the proxy's own network and name server"},
	5: {state.Unreachable, "the server refused the proxy's connection", "check host and port"},
	6: {state.Unreachable, "the proxy got no answer in time", "check host and port, and the proxy's own network"},
	7: {state.Unreachable, "the proxy makes no connections for others", "check that it is a SOCKS5 proxy"},
	8: {state.Unreachable, "the proxy does not take this kind of address", "write the host as a name, or as an address of the other kind"},
}

// connect asks a proxy that is connected for a connection to a host.
func (p *Proxy) connect(conn io.ReadWriter, host string, port int) error {
	if err := p.logIn(conn); err != nil {
		return err
	}
	request := []byte{socks5, 1, 0}
	switch ip := net.ParseIP(host); {
	case ip.To4() != nil:
		request = append(append(request, addrIPv4), ip.To4()...)
	case ip != nil:
		request = append(append(request, addrIPv6), ip.To16()...)
	case len(host) > 255:
		return &proxyRefusal{state.Usage, "the host's name is too long for a proxy", "check the host's spelling"}
	default:
		request = append(append(request, addrName, byte(len(host))), host...)
	}
	if _, err := conn.Write(append(request, byte(port>>8), byte(port))); err != nil {
		return err
	}
	head := make([]byte, 4)
	if err := p.read(conn, head); err != nil {
		return err
	}
	if head[1] != 0 {
		if int(head[1]) < len(proxyReplies) {
			return &proxyReplies[head[1]]
		}
		return &proxyRefusal{state.Unreachable, "the proxy refused with code " + strconv.Itoa(int(head[1])), "see the proxy's log"}
	}
	return skipAddress(conn, head[3])
}

// skipAddress reads the address that the proxy uses itself, which nobody needs.
func skipAddress(conn io.Reader, kind byte) error {
	length := 0
	switch kind {
	case addrIPv4:
		length = net.IPv4len
	case addrIPv6:
		length = net.IPv6len
	case addrName:
		n := make([]byte, 1)
		if _, err := io.ReadFull(conn, n); err != nil {
			return err
		}
		length = int(n[0])
	default:
		return notSOCKS([]byte{kind})
	}
	_, err := io.ReadFull(conn, make([]byte, length+2))
	return err
}

// logIn agrees with the proxy on how to log in, and does (RFC 1929).
func (p *Proxy) logIn(conn io.ReadWriter) error {
	methods := []byte{socks5, 1, noAuth}
	if p.User != "" {
		methods = []byte{socks5, 2, noAuth, byPassword}
	}
	if _, err := conn.Write(methods); err != nil {
		return err
	}
	answer := make([]byte, 2)
	if err := p.read(conn, answer); err != nil {
		return err
	}
	switch {
	case answer[1] == noAuth:
		return nil
	case answer[1] == byPassword && p.User != "":
	case answer[1] == noneOfThese && p.User == "":
		return &proxyRefusal{state.Login, "the proxy wants user and password", `write them into the key proxy: "socks5://user:password@host:port"`}
	default:
		return &proxyRefusal{state.Login, "the proxy wants another log-in than none or a password", "ask who runs the proxy"}
	}
	request := append([]byte{1, byte(len(p.User))}, p.User...)
	request = append(append(request, byte(len(p.Password))), p.Password...)
	if _, err := conn.Write(request); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if answer[1] != 0 {
		return &proxyRefusal{state.Login, "the proxy refused user or password", "check the key proxy; % stands before two hexadecimal digits there, as in every URL"}
	}
	return nil
}

// read reads an answer, which begins with the version.
func (p *Proxy) read(conn io.Reader, answer []byte) error {
	if n, err := io.ReadFull(conn, answer); err != nil {
		if n > 0 && answer[0] != socks5 {
			return notSOCKS(answer[:n])
		}
		return err
	}
	if answer[0] != socks5 {
		return notSOCKS(answer)
	}
	return nil
}

func notSOCKS(answer []byte) error {
	return &proxyRefusal{state.Unreachable, "it does not speak SOCKS5, its answer begins " + Quoted(string(answer)),
		"check host and port of the key proxy; an HTTP proxy and SOCKS4 will not do"}
}
