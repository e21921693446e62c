package state

// Intent is an APPEND, COPY or MOVE of which it is not known what it became. It is committed
// before the command is sent and settled in the commit that records the pair. The message
// is looked for at or above UIDNext. Where it is not there, one that was cut off is sent
// again, and one that is Confirmed never.
type Intent struct {
	Key     string // unique in its generation: tells the file, and whether it is put back, or moved
	UIDNext uint32 // the mailbox's before the APPEND, 0 unknown
	UID     UID    // what APPENDUID said, 0 where it said nothing
	Bytes   int64  // length of what is sent
	Flags   Flags  // that it is sent with; of a move, those that its file gets
	Agreed  Flags  // of a move: what both sides had agreed on
	Digest  [DigestSize]byte
	// Confirmed says that the server answered OK.
	Confirmed bool
}

// UIDL ties a POP3 unique-id (RFC 1939 section 7), of any bytes and length, to the UID
// that stands for it inside the program.
type UIDL struct {
	UID  UID
	UIDL string
}

// Sent is one message that restore put on a server, or was putting there.
type Sent struct {
	ID          int64  // unique in its ledger; given by Intend
	Raw         string // the mailbox
	UIDValidity uint32
	UIDNext     uint32 // the mailbox's before the APPEND, 0 unknown
	Bytes       int64
	Digest      [DigestSize]byte
	// UID is 0 where it is not known: the server told none, or the APPEND may not have been made.
	UID UID
	// Confirmed says that the server answered OK and told no UID. Such a message is not sent
	// again before a listing shows that it is not there.
	Confirmed bool
}
