package pop3

import (
	"testing"

	"mailsync/state"
)

func TestReceivedDateThatIsNone(t *testing.T) {
	for value, want := range map[string]int64{
		"Thu, 1 Jan 1970 00:00:00 +0000": state.NoDate, "Wed, 31 Dec 1969 16:00:01 -0800": state.NoDate, "Thu, 1 Jan 1970 12:00:00 -1200": state.NoDate,
		"Sat, 30 Dec 1899 00:00:00 +0000": state.NoDate, "Thu, 31 Dec 1970 23:59:59 +0000": state.NoDate, "Fri, 1 Jan 1971 00:00:00 +0000": 31_536_000,
	} {
		if got := receivedDate([]byte("Received: from a by b; " + value + "\r\n")); got != want {
			t.Errorf("%q is %d, want %d", value, got, want)
		}
	}
}
