package mailbox

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mailsync/state"
)

// describeMany describes n files that are left out for one reason.
func describeMany(n int) (problems []error, count int) {
	var left []state.Passed
	for i := range n {
		left = append(left, state.Passed{Name: fmt.Sprint("cur/", i), Count: 1, Err: errors.New("the file is compressed (gzip)")})
	}
	problems, _, count = Describe("Archive", left)
	return problems, count
}

func TestDescribeOfThousands(t *testing.T) {
	problems, count := describeMany(3000)
	if count != 3000 || len(problems) != 21 || !strings.HasPrefix(problems[20].Error(), "2980 more in Archive are not sent: the file is compressed") {
		t.Errorf("%d of 3000 counted, %d problems, the last is %v", count, len(problems), problems[len(problems)-1])
	}
}
