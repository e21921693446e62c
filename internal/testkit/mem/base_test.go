package mem_test

import (
	"testing"

	"mailsync/internal/testkit/contract"
	"mailsync/internal/testkit/mem"
)

func TestBase(t *testing.T) {
	contract.Base(t, func(*testing.T) contract.Memory { return mem.NewBase() })
}
