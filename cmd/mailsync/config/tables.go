package config

// tableOf is a table of an account.
type tableOf int

const (
	accountTable tableOf = iota // its own
	archiveTable
	oauthTable
	tables int = iota // how many there are
)

// subTable is the table that a name is of, accountTable where it is of none.
func subTable(name string) tableOf {
	switch name {
	case "archive":
		return archiveTable
	case "oauth2":
		return oauthTable
	}
	return accountTable
}

// keysOf are those of a table of the account that is read, which is made if it has none.
func (r *reading) keysOf(which tableOf) []key {
	if r.keys[which] != nil {
		return r.keys[which]
	}
	switch which {
	case archiveTable:
		r.keys[which] = archiveKeys(r.account.archive())
	case oauthTable:
		r.keys[which] = oauthKeys(r.account.oauth())
	default:
		r.keys[which] = accountKeys(r.account)
	}
	return r.keys[which]
}
