package store_test

func setUmask(int) (restore func()) { return func() {} }
