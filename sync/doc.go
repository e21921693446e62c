// Package sync is what a run is: a sync, an undo, a repair or a restore, as a list of phases in one order.
// The phases are in the rooms below this package, and what is decided is decided in sync/plan.
//
// # The idea
//
// A mailbox has three states: as it is on the server, as it is on disk, and as both
// last agreed, the base. plan.Make is a pure function of the three, a policy, and what was
// found out over the whole account; it returns operations. [Run] performs them in one fixed
// order and records each agreement. How the server was scanned is decided one layer down and never shows here:
// a snapshot has a scope, and proves nothing outside it.
//
// # The table
//
//	base       server  disk          what happens
//	–          yes     –             fetch
//	–          yes     yes, ours     adopt: sizes agree, the file is read, flags of both
//	–          –       yes, ours     only here: the server once had it
//	–          –       yes, foreign  append, or left alone
//	–          –       yes, another mailbox's: gone there, a move; else a copy, append or left alone
//	yes        yes     yes           merge flags
//	yes        –       yes           keep it (only here), or to trash
//	yes        yes     –             kept away, or expunge
//	yes        –       –             forget
//	only here  –       yes           nothing, ever
//	only here  yes     yes           agree again
//	released   yes     yes           read again; finish, or withdraw
//	released   yes     –             withdraw, fetch again
//	released   –       any           only here; forget when the file is gone
//	archived   yes     any           as kept away: it is here, in its archive
//	archived   –       yes           file it away: the run that archived it was interrupted
//
// Where a run carries no deletion over that the configuration would (a backup), both rows with a
// copy on one side only wait for a run that does.
//
// Only a complete snapshot shows that something is not there, and only inside its scope. A side that is not
// sure plans nothing: needing another run is nothing.
//
// # The order
//
// An account's run has seven phases, each over all of its mailboxes:
//
//  1. identify: the base knows which account this is, or the markers on disk do.
//  2. list: the mailboxes that are there, and those that did not change at all.
//  3. scan: server, then disk, of those that did; nothing is changed while they are looked at.
//     Then markers and rows are written and files are tied, and what the server showed is learned,
//     that is committed to the base together with its mark, before anything acts on it.
//     Then, also purely and over the complete account, it is chosen what leaves the server.
//  4. plan, purely, and under the brake: what is returned is all that is done.
//  5. create: fetch over all mailboxes at once, link what is in several, append, flags,
//     agreements.
//  6. destroy: release, file away, expunge, remove, forget.
//  7. settle: what has nothing left to do is recorded as clean, with directory times.
//
// A body is written to tmp, counted and fsynced while others are still being fetched; when its
// command has ended with OK it is linked to its final name, the directory is fsynced, and
// the agreement committed. A crash in between leaves at most complete, correctly named files,
// and the next scan adopts them.
//
// # Messages in several mailboxes
//
// What is to be fetched, and has size and date of a message in another mailbox, waits
// until that is here. If the server then says that they are the same, by their ids, it gets
// a link to that one's file, in the order above; else it is fetched. No bytes of its own were
// seen, so it may not leave the server before they are.
//
// # Making room
//
// A message leaves the server so: its file is read again, in this run, and is what the
// server sent; that it may go is committed; it lies in its archive, fsynced and read again,
// where it has one; flags, size and date on the server are what they were, in the session
// that expunges; it is expunged; that is committed; and only then does the file leave
// its mailbox. Whatever is interrupted in between is finished, or taken back, by the next run.
//
// # What it does not know
//
// No network, no files, no SQL: sync/port has the small interfaces it asks of the world,
// in words of package state. Every step that changes anything passes Step of port.Account, so
// that a test can cut a run at each of them.
//
// # Rooms
//
//	plan      decides, purely                     port      what is asked of the world
//	match     which two things are one message    mailbox   one mailbox in a run, and what all share
//	list      whose account, which mailboxes      scan      both sides of what may have changed
//	bind      which Maildir, which generation     tie       which file is which message
//	fetch     bodies                              send      what goes to the server, and what became of it
//	moves     from one mailbox to another         change    flags and agreements
//	destroy   deletions                           archive   what leaves the server, with proof
//	folder    archive folders                     settle    the end of a run
//	undo      the way back of an archive run      restore   mail onto a server
//	verify    compares the three                  repair    fetches again
package sync
