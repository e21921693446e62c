package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"mailsync/state"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Path returns where the configuration is: flag if it is not "", else
// $MAILSYNC_CONFIG, in which ~ and $VAR stand for what they do in a configuration, else
// mailsync/config.toml in $XDG_CONFIG_HOME, which is ~/.config by default.
func Path(flag string, env func(string) string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if p := env("MAILSYNC_CONFIG"); p != "" {
		p, err := Expand(p, env)
		if err != nil {
			return "", state.Faultf(state.Usage, "$MAILSYNC_CONFIG: %w", err)
		}
		return p, nil
	}
	if dir := env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mailsync", "config.toml"), nil
	}
	home := env("HOME")
	if home == "" {
		return "", state.Faultf(state.Usage, "no configuration: neither $XDG_CONFIG_HOME nor $HOME is set").
			WithHint("name the file with --config")
	}
	return filepath.Join(home, ".config", "mailsync", "config.toml"), nil
}

// Load reads a configuration file. What is wrong in it comes as Problems, all at once; a
// file that cannot be read is a state.Fault of kind Usage.
func Load(path string, env func(string) string) (*Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, state.Faultf(state.Usage, "no configuration at %s", path).
			WithHint(`"mailsync help config" shows a small one to begin with; "mailsync demo" needs none`)
	}
	if err != nil {
		return nil, state.Faultf(state.Usage, "read configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, state.Faultf(state.Usage, "read configuration: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	if err != nil {
		return nil, state.Faultf(state.Usage, "read configuration: %w", err)
	}
	mode := info.Mode()
	if runtime.GOOS == "windows" {
		mode = 0 // its mode bits say nothing about who can read
	}
	return Parse(path, string(text), mode, env)
}
