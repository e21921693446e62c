package main

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// terminalSize returns what tells columns and lines of the terminal that w is, or nil where w is no terminal on
// which text can be written over: a file, a pipe, or TERM=dumb.
func terminalSize(w io.Writer) func() (columns, lines int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || dumb(os.Getenv("TERM")) || !obeysEscapes(f) {
		return nil
	}
	return func() (columns, lines int) {
		columns, lines, err := term.GetSize(int(f.Fd()))
		if err != nil || columns <= 0 || lines <= 0 {
			return 80, 24
		}
		return columns, lines
	}
}

// dumb reports whether a terminal of that name takes only plain lines. Windows names none.
func dumb(name string) bool {
	return name == "dumb" || name == "" && runtime.GOOS != "windows"
}
