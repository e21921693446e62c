package reach

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
)

// LogConnected logs that a connection is made and logged in.
func (o *Options) LogConnected(conn net.Conn) {
	if !o.Log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	safe := "plain text"
	if cs := StateOf(conn); cs != nil {
		safe = tls.VersionName(cs.Version)
	}
	o.Log.Info(fmt.Sprintf("connected to %s (%s), logged in as %s", o.Addr(), safe, o.User))
}
