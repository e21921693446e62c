package state

// UIDSet is a set of UIDs. Those of a mailbox are close together, so a block has a bit for each of 512
// neighbours. A nil set has none, and cannot get any.
type UIDSet map[UID]*[8]uint64

// Add puts a UID into the set.
func (s UIDSet) Add(uid UID) {
	block := s[uid/512]
	if block == nil {
		block = new([8]uint64)
		s[uid/512] = block
	}
	block[uid/64%8] |= 1 << (uid % 64)
}

// Has reports whether a UID is in the set.
func (s UIDSet) Has(uid UID) bool {
	block := s[uid/512]
	return block != nil && block[uid/64%8]>>(uid%64)&1 == 1
}
