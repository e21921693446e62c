package mailbox

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mailsync/state"
	"mailsync/sync/port"
)

func TestLeftOutOfThousands(t *testing.T) {
	var left []state.NotMail
	for i := range 3000 {
		left = append(left, state.NotMail{Name: fmt.Sprint("cur/", i), Count: 1, Err: errors.New("the file is compressed (gzip)")})
	}
	r := &Run{Account: &port.Account{}}
	count, err := r.LeftOut("Archive", "Archive", left)
	problems := r.Result.Problems
	if err != nil || count != 3000 || len(problems) != 21 || !strings.HasPrefix(problems[20].Err.Error(), "2980 more in Archive are not sent: the file is compressed") {
		t.Errorf("%d of 3000 counted, %d problems, %v, the last is %v", count, len(problems), err, problems[len(problems)-1])
	}
}
