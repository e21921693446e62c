package disk

// OpenPlain is OpenReal without what Linux has beside os.Root.
func OpenPlain(dir string) (*Real, error) {
	r, err := OpenReal(dir)
	if err != nil {
		return nil, err
	}
	err = r.beneath.close()
	r.beneath = beneath{}
	return r, err
}
