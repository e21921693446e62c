// Package testkit holds no code: what only tests and the benchmark use lies in the folders
// below it, and no other code may import them.
package testkit
