package maildir

// Twins tells of each of these names that is a second name of one file, a hard link, what
// other name of this Maildir that file has, one that was not asked for if there is one;
// names that are no twins are left out. What an earlier run linked and could not unlink
// any more is found so. A name that another program changed since is followed, and one that it
// changes meanwhile makes Twins look again.
func (m *Maildir) Twins(names []string) (map[string]string, error) {
	twins := map[string]string{}
	wanted := map[uint64][]string{}
	asked := map[string]bool{} // keys: the same one with other flags is the name itself, renamed
	for _, name := range names {
		_, info, err := m.index.stat(name)
		if isNotExist(err) || err == nil && (info.Ino == 0 || info.Links == 1) {
			continue
		}
		if err != nil {
			return nil, err
		}
		wanted[info.Ino] = append(wanted[info.Ino], name)
		asked[keyOf(name)] = true
	}
	if len(wanted) == 0 {
		return twins, nil
	}
	for _, same := range wanted {
		for i, name := range same {
			if len(same) > 1 {
				twins[name] = same[(i+1)%len(same)]
			}
		}
	}
	for range maxRenames {
		moved, err := m.others(wanted, asked, twins)
		if err != nil || !moved {
			return twins, err
		}
	}
	return twins, nil
}

// others looks once for names that were not asked for of the wanted inodes, and reports
// whether another program renamed anything meanwhile.
func (m *Maildir) others(wanted map[uint64][]string, asked map[string]bool, twins map[string]string) (moved bool, err error) {
	before, err := m.Mark()
	if err != nil {
		return false, err
	}
	var failed error
	err = m.each(func(other string) {
		if failed != nil || asked[keyOf(other)] {
			return
		}
		info, err := m.fs.Lstat(m.at(other))
		switch {
		case isNotExist(err):
			moved = true
		case err != nil:
			failed = fault(err, "look at %s", m.at(other))
		default:
			for _, name := range wanted[info.Ino] {
				twins[name] = other
			}
		}
	})
	if err != nil {
		return false, err
	}
	if failed != nil {
		return false, failed
	}
	after, err := m.Mark()
	before.Trusted, after.Trusted = false, false
	return moved || before != after, err
}
