//go:build unix

package reach

import (
	"os/exec"
	"syscall"
)

// apart gives a program a session of its own: it can be ended with all that it starts, and gets no Ctrl-C that
// is for us. It has no terminal then, so that what would ask there fails at once and does not wait unseen.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// end asks a program and its group to end, or ends them.
func end(cmd *exec.Cmd, hard bool) {
	sig := syscall.SIGTERM
	if hard {
		sig = syscall.SIGKILL
	}
	_ = syscall.Kill(-cmd.Process.Pid, sig) // there may be nobody left
}
