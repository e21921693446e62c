package secret

import (
	"os"
	"sync"

	"mailsync/state"
)

// withdrawn is what Withdraw took out of the environment, which is the process' as a whole.
var withdrawn struct {
	sync.Mutex
	words map[string]string
}

// Withdraw takes the variables that sources name out of the environment of this process,
// so that no child inherits a password that it has no business with: neither a
// password_command nor a program that a library starts. A Source still finds it.
func Withdraw(sources ...Source) {
	withdrawn.Lock()
	defer withdrawn.Unlock()
	for _, s := range sources {
		word, set := os.LookupEnv(s.Env)
		if !set {
			continue
		}
		if withdrawn.words == nil {
			withdrawn.words = map[string]string{}
		}
		withdrawn.words[s.Env] = word
		_ = os.Unsetenv(s.Env) // it is there, so its name is one
	}
}

// lookup is os.LookupEnv that also knows what was withdrawn. The environment wins: it is
// newer.
func lookup(name string) (word string, set bool) {
	withdrawn.Lock()
	defer withdrawn.Unlock()
	if word, set = os.LookupEnv(name); !set {
		word, set = withdrawn.words[name]
	}
	return word, set
}

func fromEnv(name string) (Secret, error) {
	word, set := lookup(name)
	if !set {
		return Secret{}, state.Faultf(state.Login, "password_env: $%s is not set", name).
			WithHint("export %s before mailsync starts; cron starts with hardly any variables", name)
	}
	if word == "" {
		return Secret{}, state.Faultf(state.Login, "password_env: $%s is empty", name)
	}
	return New(word), nil
}
