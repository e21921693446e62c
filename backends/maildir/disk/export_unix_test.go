//go:build unix

package disk

// MaxHeld is how many folders are held at most.
const MaxHeld = maxHeld
