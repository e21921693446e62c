// Package testkit holds no code: what only tests and the benchmark use lies in the folders
// below it, and nothing else may import them.
//
// Servers that a test scripts, answer by answer: imapscript, pop3script; both stand on stage.
//
// Real servers, as child processes: servers.
//
// Where a server may listen that comes later or never: freeport.
//
// What lies between: network, which fails at random.
//
// For tests of the engine, all in memory: mem has a server and a base.
//
// A disk in memory that crashes, and one that fails at any call: disktest.
//
// What every implementation of a port has to pass: contract.
//
// How tests of pure functions write messages: rows.
//
// The program under test, built and run: program.
package testkit
