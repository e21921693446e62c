package config

// tableOf is a table of an account.
type tableOf int

const (
	accountTable tableOf = iota // its own
	archiveTable
	oauthTable
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

// keys are those of a table of the account that is read, which is made if it has none.
func (r *reading) keys(which tableOf) []key {
	switch which {
	case archiveTable:
		return archiveKeys(r.account.archive())
	case oauthTable:
		return oauthKeys(r.account.oauth())
	}
	return accountKeys(r.account)
}
