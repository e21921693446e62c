package sync

// Overwrite is for tests.
var Overwrite = overwrite
