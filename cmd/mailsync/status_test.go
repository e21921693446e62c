package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mailsync/state/store"
)

// succeeded STATEDIR AGO: the last success of an account was so long ago; negative: in the future.
func cmdSucceeded(ts *testscript.TestScript, _ bool, args []string) {
	ago, err := time.ParseDuration(args[1])
	ts.Check(err)
	last, _, err := store.ReadLastRun(ts.MkAbs(args[0]))
	ts.Check(err)
	if last.Success == nil {
		ts.Fatalf("there was no success")
	}
	last.Success.Ended = time.Now().Add(-ago)
	ts.Check(store.WriteLastRun(ts.MkAbs(args[0]), last))
}

// killed [ARGUMENT...]: runs mailsync, and kills it once it talks to the deaf server.
func cmdKilled(ts *testscript.TestScript, _ bool, args []string) {
	program, err := exec.LookPath("mailsync")
	ts.Check(err)
	cmd := exec.Command(program, args...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"HOME", "PATH", "PW", "MAILSYNC_CONFIG"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	cmdMet(ts, false, nil)
	ts.Check(cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if _, err := os.Stat(filepath.Join(ts.Getenv("WORK"), "mail")); err != nil {
		ts.Fatalf("it never began: %v", err)
	}
}
