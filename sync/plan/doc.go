// Package plan decides. It is pure: no context, no clock, no error of an operation. From the three states of a
// mailbox and a policy it makes operations; what the base learns, what the brake holds back, which generation
// continues, what leaves the server and what a file's name means is decided here too, and nowhere else.
package plan
