package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"mailsync/bench/row"
)

// load reads what was measured before, a row a line. A file that is not there holds nothing.
func load(file string) (all []row.Result, err error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var res row.Result
		if err := d.Decode(&res); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, res)
	}
}

// keep adds a row to the file, if there is one.
func keep(file string, res row.Result) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(f).Encode(res), f.Close())
}
