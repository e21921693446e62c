// Package port has the small interfaces that the engine asks of the world, and the values that cross them. Backends
// meet them structurally; the command asserts it.
package port
