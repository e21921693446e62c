// Package guides holds no code: its tests follow the guides in this folder, command by command, on real
// servers.
package guides
