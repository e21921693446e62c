// Package disktest has the two forms of the seam disk.FS that are for tests only: Mem lives
// in memory, knows which bytes and which directory entries were synced, and loses the
// others in a Crash; Faulty makes calls of another FS fail, any one of them or all from
// one on.
package disktest
