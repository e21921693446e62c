package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mailsync/internal/testkit/program"
)

// bashCompletion is the package bash-completion, or what the script uses of it.
const bashCompletion = `
if [ -r /usr/share/bash-completion/bash_completion ]; then
	. /usr/share/bash-completion/bash_completion
else
	_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}; }
	__ltrim_colon_completions() { :; }
fi
`

// bash completes with the script that we print.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "c.toml")
	text := "[defaults]\nhost = \"127.0.0.1\"\ntls = \"none\"\nuser = \"ada\"\npassword_env = \"PW\"\nmaildir = \"" + dir + "/{account}\"\n[accounts.work]\n[accounts.home]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"mailsync sta":                   "status",
		"mailsync sync w":                "work",
		"mailsync archive --via t":       "trash",
		"mailsync archive --via=t":       "trash",
		"mailsync list --mailbox role:j": "junk", // behind the colon, at which bash breaks words
		"mailsync help exit":             "exit-codes",
		"mailsync sync --max-d":          "--max-delete",
	} {
		words := strings.Fields(line)
		quoted := "'" + strings.Join(words, "' '") + "'"
		script := bashCompletion + `source <(mailsync completion bash)
complete -p mailsync >/dev/null || exit 1
COMP_WORDS=(` + quoted + `) COMP_CWORD=$((${#COMP_WORDS[@]}-1)) COMP_LINE='` + line + `' COMP_POINT=${#COMP_LINE} COMP_TYPE=9
__start_mailsync
printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command(bash, "--norc", "--noprofile", "-c", script)
		cmd.Env = []string{"HOME=" + dir, "PATH=" + filepath.Dir(program.Path(t)) + ":" + os.Getenv("PATH"), "MAILSYNC_CONFIG=" + config, "PW=x"}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if got := strings.TrimSpace(string(out)); err != nil || !strings.HasSuffix(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q (%v) %s", line, got, want, err, stderr.String())
		}
	}
}
