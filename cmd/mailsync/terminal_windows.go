package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// obeysEscapes makes a console understand escape codes, and reports whether it does: those before Windows 10
// cannot.
func obeysEscapes(f *os.File) bool {
	var mode uint32
	console := windows.Handle(f.Fd())
	if windows.GetConsoleMode(console, &mode) != nil {
		return true // a terminal without a console, as msys has
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
