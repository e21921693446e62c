// Package clipboard stands for a library that the forms of mailsync init bring along. That one looks for six programs in
// $PATH whenever a program starts that it is linked into, and runs one of them to paste. In a form a terminal pastes by
// itself, so nothing is lost by having no clipboard here (docs/adr/0023-no-clipboard.md).
package clipboard

import "errors"

// ReadAll fails: there is no clipboard.
func ReadAll() (string, error) { return "", errors.New("there is no clipboard") }
