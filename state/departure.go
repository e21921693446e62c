package state

// Departure is a message that an archive run takes, or took, off the server. It is
// committed together with its release, so that whoever finishes a run that was broken off
// knows where the file was to go, and archive --undo what the last run took.
type Departure struct {
	UID UID
	Run int64 // counts an account's archive runs; the highest was the last. 0: deleted from a POP3 server
	// Root and Path are the archive Maildir that gets the file: the folder of all archives,
	// absolute, and the path below it, slash-separated. Both are "" where the file stays.
	Root, Path string
}
