package fetch

import (
	"os"
	"runtime"
	"sync"
)

// A goroutine that waits in fsync keeps one of Go's processors until the runtime's monitor takes it away, and the monitor looks every
// 20 µs to 10 ms. With a processor for each core, a machine with two cores writes two files at once much of the time, whatever
// the number of writers, and idles meanwhile. So there are more of them than cores, and the system shares the cores out. Each one
// more costs half a megabyte and more, and pays less than the one before.
const spareProcessors = writers / 8

// moreProcessors adds them, once for the whole program: when it fetches first, since a run that fetches nothing would only pay for them.
var moreProcessors = sync.OnceFunc(addProcessors)

// addProcessors adds them, unless the environment says how many there are to be, which wins as everywhere.
func addProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareProcessors)
	}
}
