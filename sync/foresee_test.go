package sync_test

import (
	"testing"

	"mailsync/sync/port"
)

// What a dry run says it would do in each mailbox is what the run that follows does.
func TestDryRunForeseesTheRun(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			l := s.begin(t)
			l.change = func(a *port.Account) { a.DryRun = true }
			dry := l.run(nil, nil)
			if dry.Fatal != nil {
				t.Fatal(dry.Fatal)
			}
			if dry.Done != (port.Done{}) {
				t.Errorf("the dry run counts %+v as done", dry.Done)
			}
			var would port.Done
			for _, w := range dry.Would {
				would.Count(port.Fetched, w.Fetched, 0)
				would.Count(port.Appended, w.Appended, 0)
				would.Count(port.FlaggedHere, w.FlagsToDisk, 0)
				would.Count(port.FlaggedThere, w.FlagsToServer, 0)
				would.Count(port.MovedHere, w.MovedOnDisk, 0)
				would.Count(port.MovedThere, w.MovedOnServer, 0)
				would.Count(port.DeletedHere, w.DeletedOnDisk, 0)
				would.Count(port.DeletedThere, w.DeletedOnServer, 0)
				would.Count(port.MovedToTrash, w.MovedToTrash, 0)
			}
			l.change = nil
			did := l.run(nil, nil).Done
			did.FetchedBytes = 0
			if would != did {
				t.Errorf("the dry run foresees\n%+v, and the run does\n%+v", would, did)
			}
		})
	}
}
