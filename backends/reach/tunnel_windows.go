package reach

import (
	"os/exec"
	"syscall"
)

// apart keeps a Ctrl-C that is for us from a program.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// end ends a program; it can only be ended the hard way.
func end(cmd *exec.Cmd, hard bool) {
	if hard {
		_ = cmd.Process.Kill()
	}
}
