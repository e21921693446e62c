package sync

// pool holds things by what they have in common, each list in order. Of thousands of messages that look
// alike each is looked at a few times, and not once for every other one.
type pool[K comparable, T any] map[K][]T

func (p pool[K, T]) add(k K, thing T) { p[k] = append(p[k], thing) }

// rest is what a list still has. Those at its head that are taken are dropped for good; behind it some may
// be taken.
func (p pool[K, T]) rest(k K, taken func(T) bool) []T {
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
