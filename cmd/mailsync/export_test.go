package main

// Run is run, for the tests that stand outside of the package.
var Run = run
