package maildir

// infoSep stands before the info part of a name. Windows allows no colon.
const infoSep byte = ';'
