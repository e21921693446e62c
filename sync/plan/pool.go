package plan

// CompareBools orders false before true.
func CompareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Pool has lists of things by what they have in common, each in order. Of thousands of messages that look
// alike each is looked at a few times, and not once for every other one.
type Pool[K comparable, T any] map[K][]T

// Add puts a thing behind those that have the same in common.
func (p Pool[K, T]) Add(k K, thing T) { p[k] = append(p[k], thing) }

// Rest is what a list still has. Those at its head that are taken are removed from the pool; behind it some
// may be taken.
func (p Pool[K, T]) Rest(k K, taken func(T) bool) []T {
	list, known := p[k]
	if !known {
		return nil
	}
	for len(list) > 0 && taken(list[0]) {
		list = list[1:]
	}
	p[k] = list
	return list
}
