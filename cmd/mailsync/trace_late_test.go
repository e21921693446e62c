package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A connection may still be read when the run is over, for nobody waits for the answer to LOGOUT. Its lines spoil neither
// the trace nor the run.
func TestTraceOfWhatComesLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	tr, err := openTrace(path)
	if err != nil {
		t.Fatal(err)
	}
	w := tr.of("ada")
	fmt.Fprintf(w, "S: * BYE\n")
	var late sync.WaitGroup
	for range 4 {
		late.Go(func() {
			for range 100 {
				if _, err := fmt.Fprintf(w, "S: late\n"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if err := tr.close(); err != nil {
		t.Error(err)
	}
	late.Wait()
	if tr.failed != nil {
		t.Errorf("what came late failed: %v", tr.failed)
	}
	if text, err := os.ReadFile(path); err != nil || len(text) == 0 {
		t.Errorf("%q, %v", text, err)
	}
}
