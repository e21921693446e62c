package servers

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// nobody is the user and group that mail belongs to where the test runs as root: the
// servers refuse to deliver to uid 0.
const nobody = 65534

// owner is whose the mail is.
type owner struct {
	uid, gid    int
	user, group string
	root        bool // the test runs as root, and so does the server's master
}

func mailOwner() owner {
	if os.Getuid() == 0 {
		o := owner{uid: nobody, gid: nobody, user: "nobody", group: "nogroup", root: true}
		if g, err := user.LookupGroupId(strconv.Itoa(nobody)); err == nil {
			o.group = g.Name
		}
		return o
	}
	o := owner{uid: os.Getuid(), gid: os.Getgid()}
	if u, err := user.Current(); err == nil {
		o.user = u.Username
	}
	if g, err := user.LookupGroupId(strconv.Itoa(o.gid)); err == nil {
		o.group = g.Name
	}
	return o
}

// take gives a path to the owner. Without root everything is the owner's already.
func (o owner) take(path string) error {
	if !o.root {
		return nil
	}
	return os.Lchown(path, o.uid, o.gid)
}

// takeAll is take for a path and everything below it.
func (o owner) takeAll(path string) error {
	if !o.root {
		return nil
	}
	return filepath.WalkDir(path, func(p string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return o.take(p)
	})
}

// folder makes a folder, 0755, and gives it to the owner.
func (o owner) folder(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return o.take(path)
}

// unpacked is where install.sh unpacks a server's packages.
func unpacked(name string) string {
	if dir := os.Getenv("MAILSYNC_SERVERS"); dir != "" {
		return filepath.Join(dir, name)
	}
	// Root's own cache is closed to the user that Cyrus runs as.
	cache := "/var/cache"
	if os.Getuid() != 0 {
		var err error
		if cache, err = os.UserCacheDir(); err != nil {
			return ""
		}
	}
	return filepath.Join(cache, "mailsync-servers", name)
}

// libraries are the folders of an unpacked package's shared libraries, as the loader
// wants them.
func libraries(root string) string {
	all := []string{filepath.Join(root, "usr/lib")}
	for _, pattern := range []string{"usr/lib/*-linux-gnu", "lib/*-linux-gnu"} {
		dirs, _ := filepath.Glob(filepath.Join(root, pattern))
		all = append(all, dirs...)
	}
	return strings.Join(all, ":")
}

// Need ends the test where one of the programs it is about is not there: skipped at
// somebody's desk, failed where the whole suite has to run. With -short it skips the test
// in any case: real servers take their time.
func Need(t testing.TB, what string, programs ...string) {
	t.Helper()
	need(t, what, programs...)
}

func need(t testing.TB, server string, programs ...string) {
	t.Helper()
	if testing.Testing() && testing.Short() {
		t.Skip("-short: " + server + " is not started")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			lacking(t, "no "+server+" here ("+p+"): run \"make servers\"")
		}
	}
}

// lacking skips the test, or fails it in CI.
func lacking(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}
