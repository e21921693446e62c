package fetch

import (
	"runtime"
	"testing"
)

// Writers that wait in fsync leave processors for the others; who sets their number gets that number.
func TestProcessorsForWriters(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(cores) })
	for _, c := range []struct {
		env  string
		want int
	}{{"3", cores}, {"", cores + spareProcessors}} {
		t.Setenv("GOMAXPROCS", c.env)
		if addProcessors(); runtime.GOMAXPROCS(0) != c.want {
			t.Errorf("GOMAXPROCS=%q: %d processors, want %d", c.env, runtime.GOMAXPROCS(0), c.want)
		}
	}
}
