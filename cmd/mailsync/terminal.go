package main

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// terminalWidth returns what tells the columns of the terminal that w is, or nil where w is no terminal on
// which text can be written over: a file, a pipe, or TERM=dumb.
func terminalWidth(w io.Writer) func() int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || dumb(os.Getenv("TERM")) {
		return nil
	}
	return func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 {
			return 80
		}
		return width
	}
}

// dumb reports whether a terminal of that name takes only plain lines. Windows names none.
func dumb(name string) bool {
	return name == "dumb" || name == "" && runtime.GOOS != "windows"
}
