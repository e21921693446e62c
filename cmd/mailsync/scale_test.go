package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/freeport"
)

// The manifests of docs/scale.md do what it says: here their configuration and their commands are run, once for each index.
func TestManifestsOfScale(t *testing.T) {
	manifest := readText(t, "../../docs/scale/cronjob.yaml")
	unit := readText(t, "../../docs/scale/mailsync@.service")
	dir := t.TempDir()
	nobody, err := freeport.Take()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(nobody)
	local := strings.NewReplacer(`"imap.example.org"`, `"127.0.0.1"`+"\ntls = \"none\"\nport = "+port, `"2m"`, `"0s"`, `"6h"`, `"0s"`, "/mail/", dir+"/mail/", "/etc/mailsync/", dir+"/etc/")
	for name, text := range map[string]string{"config.toml": block(t, manifest, "config.toml"),
		"accounts.d/ada.toml": block(t, manifest, "ada.toml"), "accounts.d/bob.toml": block(t, manifest, "bob.toml")} {
		file := filepath.Join(dir, "etc", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(local.Replace(text)), 0o644); err != nil { // as a ConfigMap's are
			t.Fatal(err)
		}
	}
	for _, name := range []string{"HOME", "XDG_STATE_HOME"} {
		t.Setenv(name, dir)
	}
	t.Setenv("PASSWORD_ADA", "x")
	t.Setenv("PASSWORD_BOB", "x")

	var args []string
	if err := json.Unmarshal([]byte(found(t, manifest, `args: (\[.*\])`)), &args); err != nil {
		t.Fatal(err)
	}
	inUnit := strings.Fields(found(t, unit, `ExecStart=/usr/bin/mailsync (.*)`))
	if completions := found(t, manifest, `completions: (\d+)`); completions != "4" || !strings.HasSuffix(args[len(args)-1], "/"+completions) {
		t.Errorf("%s completions, and %q", completions, args)
	}
	for _, args := range [][]string{args, inUnit} {
		var accounts []string
		for index := range 4 {
			indexed := strings.NewReplacer("$(JOB_COMPLETION_INDEX)", fmt.Sprint(index), "%i", fmt.Sprint(index), "/etc/mailsync/", dir+"/etc/")
			command := []string{"--json"}
			for _, arg := range args {
				command = append(command, indexed.Replace(arg))
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), command, &stdout, &stderr)
			names := regexp.MustCompile(`"account":"(\w+)"`).FindAllStringSubmatch(stdout.String(), -1)
			for _, m := range names {
				accounts = append(accounts, m[1])
			}
			if len(names) == 0 && code != 0 || len(names) > 0 && code != 5 {
				t.Errorf("%q: exit %d\n%s%s", command, code, &stdout, &stderr)
			}
		}
		if slices.Sort(accounts); !slices.Equal(accounts, []string{"ada", "bob"}) {
			t.Errorf("all indexes of %q together worked on %q", args, accounts)
		}
	}
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// block is a text of a ConfigMap.
func block(t *testing.T, manifest, name string) string {
	t.Helper()
	text := found(t, manifest, `(?m)^  `+regexp.QuoteMeta(name)+`: \|\n((?:    .*\n|\n)+)`)
	return regexp.MustCompile(`(?m)^    `).ReplaceAllString(text, "")
}

// found is what a pattern's group matches, once.
func found(t *testing.T, text, pattern string) string {
	t.Helper()
	all := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	if len(all) != 1 {
		t.Fatalf("%s matches %d times", pattern, len(all))
	}
	return all[0][1]
}

// kubectl takes the manifests. It asks a server which kinds there are, also where it is to do nothing.
func TestManifestsByKubectl(t *testing.T) {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("there is no kubectl")
	}
	kinds := func(group, version string, names map[string]string) map[string]any {
		var all []any
		for _, kind := range slices.Sorted(maps.Keys(names)) {
			all = append(all, map[string]any{"name": names[kind], "kind": kind, "namespaced": true, "singularName": "", "verbs": []string{"create", "get"}})
		}
		return map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": strings.TrimPrefix(group+"/"+version, "/"), "resources": all}
	}
	answers := map[string]any{
		"/api":           map[string]any{"kind": "APIVersions", "versions": []string{"v1"}},
		"/apis":          map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": []any{map[string]any{"name": "batch", "versions": []any{map[string]any{"groupVersion": "batch/v1", "version": "v1"}}}}},
		"/api/v1":        kinds("", "v1", map[string]string{"ConfigMap": "configmaps", "PersistentVolumeClaim": "persistentvolumeclaims"}),
		"/apis/batch/v1": kinds("batch", "v1", map[string]string{"CronJob": "cronjobs"}),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.Path]
		if !known {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // kubectl would miss it
	}))
	defer server.Close()
	cmd := exec.Command(kubectl, "create", "--server", server.URL, "--cache-dir", t.TempDir(), "--dry-run=client", "--validate=false", "-o", "name", "-f", "../../docs/scale/cronjob.yaml")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+os.DevNull, "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	want := "persistentvolumeclaim/mailsync-mail\npersistentvolumeclaim/mailsync-state\nconfigmap/mailsync-config\nconfigmap/mailsync-accounts\ncronjob.batch/mailsync\n"
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// systemd takes the units.
func TestUnitsBySystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("there is no systemd-analyze")
	}
	dir := t.TempDir()
	for _, name := range []string{"mailsync@.service", "mailsync@.timer"} {
		text := strings.Replace(readText(t, "../../docs/scale/"+name), "/usr/bin/mailsync", "/bin/true", 1) // it has to exist
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(analyze, "verify", filepath.Join(dir, "mailsync@.service"), filepath.Join(dir, "mailsync@.timer")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
