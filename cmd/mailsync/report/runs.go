package report

// Runs is what "status" knows of an account's runs.
type Runs struct {
	Lock    *Lock    // nil: nothing is known of a holder
	Last    *LastRun // nil: it is not known
	Success Success
	Quota   []Quota
}

// Lock is an object "lock" of "status --json": the run that holds the account's lock, or held it last and
// did not come to its end.
type Lock struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Command string `json:"command"` // "" where it is not known
	PID     int    `json:"pid"`
	Since   string `json:"since"` // RFC 3339
	Held    bool   `json:"held"`  // it is under way; false: it was killed, or the machine lost power
}

// LastRun is an object "run" of "status --json".
type LastRun struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Command string `json:"command"`
	Part    bool   `json:"part"`    // it was about some of the mailboxes only
	Started string `json:"started"` // RFC 3339
	Ended   string `json:"ended"`
	Status  string `json:"status"`
}

// Success is an object "success" of "status --json": the last run after which all mail was here.
type Success struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Command string `json:"command"` // "" where none is known
	Ended   string `json:"ended"`   // RFC 3339
	Age     *int64 `json:"age"`     // seconds since; null where none is known
	Recent  *bool  `json:"recent"`  // whether it is not older than --max-age; null without
}

// Quota is an object "quota" of --json.
type Quota struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Root    string `json:"root"`
	Used    int64  `json:"used"`
	Limit   int64  `json:"limit"`
	Asked   string `json:"asked"` // RFC 3339: when the server reported it
}

// Runs prints an account's runs and quotas in JSON; for people they are in the account's line.
func (a *Account) Runs(v Runs) {
	var objects []any
	if l := v.Lock; l != nil {
		l.Type, l.Account, l.Command = "lock", a.name, clean(l.Command)
		objects = append(objects, *l)
	}
	if l := v.Last; l != nil {
		l.Type, l.Account = "run", a.name
		objects = append(objects, *l)
	}
	v.Success.Type, v.Success.Account = "success", a.name
	objects = append(objects, v.Success)
	for _, q := range v.Quota {
		q.Type, q.Account, q.Root = "quota", a.name, clean(q.Root)
		objects = append(objects, q)
	}
	a.rows("", objects, nil)
}
