//go:build unix

package servers

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// As makes a command run as the user whose mail it is, which is another one only where
// the test is root's.
func (s *Server) As(cmd *exec.Cmd) {
	if s.owner.root {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: uint32(s.owner.uid), Gid: uint32(s.owner.gid)},
		}
	}
}

func askToEnd(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }

// guardGroup starts a shell that waits for the end of its input, which comes when this
// process dies in whatever way, a test's timeout or Ctrl-C too: then it kills the group.
func guardGroup(pid int) (*exec.Cmd, error) {
	cmd := exec.Command("sh", "-c", `read -r _; kill -s KILL -- "-$0"`, strconv.Itoa(pid))
	ownGroup(cmd)
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return cmd, cmd.Start()
}

// killGroup ends every process of a group; that there is none left is the usual case.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
