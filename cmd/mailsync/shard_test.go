package main

import (
	"fmt"
	"testing"
)

// The shards of names never change: an account in another shard would be fetched again there.
func TestShardsOfNamesStay(t *testing.T) {
	for name, want := range map[string][3]int{"work": {1, 6, 502}, "isp": {0, 4, 471}, "ada@example.org": {0, 0, 341}} {
		if got := [3]int{shardOf(name, 2), shardOf(name, 10), shardOf(name, 1000)}; got != want {
			t.Errorf("%s: %v, and it was %v", name, got, want)
		}
	}
}

// Every account is in one shard; shards have about as many each; a shard more takes its share from all others, and moves nothing
// between those.
func TestShardsAreEven(t *testing.T) {
	const accounts = 20000
	for _, count := range []int{1, 2, 3, 7, 16, 100} {
		has := make([]int, count)
		moved := 0
		for i := range accounts {
			name := fmt.Sprintf("user%d@example.org", i)
			at, later := shardOf(name, count), shardOf(name, count+1)
			has[at]++
			if at != later {
				moved++
				if later != count {
					t.Fatalf("with %d shards in place of %d, %s moves from %d to %d", count+1, count, name, at, later)
				}
			}
		}
		share := accounts / count
		for at, n := range has {
			if n < share*3/4 || n > share*5/4 {
				t.Errorf("%d of %d accounts are in shard %d/%d", n, accounts, at, count)
			}
		}
		if share = accounts / (count + 1); moved < share*3/4 || moved > share*5/4 {
			t.Errorf("%d of %d accounts move to shard %d", moved, accounts, count)
		}
	}
}
