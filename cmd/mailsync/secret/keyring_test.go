package secret

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"

	"mailsync/state"
)

func TestKeyring(t *testing.T) {
	keyring.MockInit() // no other test of this package meets a keyring
	if err := keyring.Set(KeyringService, "ada@imap.example.org", word); err != nil {
		t.Fatal(err)
	}
	if err := keyring.Set(KeyringService, "empty@h", ""); err != nil {
		t.Fatal(err)
	}
	got, err := Source{Keyring: "ada@imap.example.org"}.Read(t.Context())
	if err != nil || got.Reveal() != word {
		t.Errorf("%q, %v", got.Reveal(), err)
	}
	for user, want := range map[string]string{"bob@h": "has no password of bob@h", "empty@h": "is empty"} {
		_, err := Source{Keyring: user}.Read(t.Context())
		if state.KindOf(err) != state.Login || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", user, err)
		}
	}
	if _, err := (Source{Keyring: "bob@h"}).Read(t.Context()); !strings.Contains(state.HintOf(err), "bob@h") {
		t.Errorf("no hint how to store it: %q", state.HintOf(err))
	}

	keyring.MockInitWithError(errors.New("no bus"))
	_, err = Source{Keyring: "ada@h"}.Read(t.Context())
	if state.KindOf(err) != state.Login || !strings.Contains(err.Error(), "no bus") || state.HintOf(err) == "" {
		t.Errorf("without a keyring: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Source{Keyring: "ada@h"}).Read(ctx); err == nil {
		t.Error("cancelled, and no error")
	}
}
