package program

// Account is the JSON object that a run with --json ends an account with (SPEC, section 2).
type Account struct {
	Type            string `json:"type"`
	Account         string `json:"account"`
	Protocol        string `json:"protocol"`
	Status          string `json:"status"`
	Mailboxes       int    `json:"mailboxes"`
	Unchanged       int    `json:"unchanged"`
	Fetched         int    `json:"fetched"`
	FetchedBytes    int64  `json:"fetched_bytes"`
	Appended        int    `json:"appended"`
	FlagsToDisk     int    `json:"flags_to_disk"`
	FlagsToServer   int    `json:"flags_to_server"`
	DeletedOnDisk   int    `json:"deleted_on_disk"`
	DeletedOnServer int    `json:"deleted_on_server"`
	OnServer        int    `json:"on_server"`
	Here            int    `json:"here"`
	Outstanding     int    `json:"outstanding"`
	Commands        int    `json:"commands"`
	Errors          []struct {
		Mailbox string `json:"mailbox"`
		UID     uint32 `json:"uid"`
		Error   string `json:"error"`
		Hint    string `json:"hint"`
	} `json:"errors"`
}

// Did is how much the run did with messages.
func (a Account) Did() int {
	return a.Fetched + a.Appended + a.FlagsToDisk + a.FlagsToServer + a.DeletedOnDisk + a.DeletedOnServer
}
