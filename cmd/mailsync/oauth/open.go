package oauth

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Open starts the user's browser, and does not wait for it. It reports whether it started one. The
// address holds no secret that is worth anything without this process.
func Open(address string) bool {
	for _, argv := range browsers(runtime.GOOS, os.Getenv, address) {
		cmd := exec.Command(argv[0], argv[1:]...)
		if cmd.Start() == nil {
			go func() { _ = cmd.Wait() }() // what became of it, the user sees
			return true
		}
	}
	return false
}

// browsers are the commands that may open an address, in the order in which they are tried: those of
// $BROWSER, a list with colons in which %s is the address, and the system's own. Without a screen
// xdg-open would start a browser of text in the terminal.
func browsers(system string, env func(string) string, address string) (all [][]string) {
	for command := range strings.SplitSeq(env("BROWSER"), ":") {
		argv := strings.Fields(command)
		if len(argv) == 0 || system == "windows" { // where a colon is in every path
			continue
		}
		replaced := false
		for i, arg := range argv {
			if strings.Contains(arg, "%s") {
				argv[i], replaced = strings.ReplaceAll(arg, "%s", address), true
			}
		}
		if !replaced {
			argv = append(argv, address)
		}
		all = append(all, argv)
	}
	switch {
	case system == "windows":
		all = append(all, []string{"rundll32", "url.dll,FileProtocolHandler", address})
	case system == "darwin":
		all = append(all, []string{"open", address})
	case env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != "":
		all = append(all, []string{"xdg-open", address})
	}
	return all
}
