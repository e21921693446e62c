package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"
)

// The seal is a small unsynced file beside the state file. It holds the serial number
// of the last commit that returned, written after it; and, once the store was closed
// by us, what the state file looked like then.
//
//   - While the file still looks so, nobody touched it, and opening it needs no check.
//   - A state file with a lower serial number than its seal lost commits: its journal
//     was cut or taken away, or an older copy was put in its place. The seal is written
//     after the commit is durable, so a power failure can only make it lag behind.
type seal struct {
	serial int64
	file   fileID // the zero one: not closed since it was written
}

const sealFormat = "mailsync-seal 1 serial %020d ino %020d size %020d modified %020d changed %020d"

func (s seal) encode() []byte {
	line := fmt.Sprintf(sealFormat, s.serial, s.file.Ino, s.file.Size, s.file.Modified, s.file.Changed)
	return fmt.Appendf(nil, "%s sum %08x\n", line, crc32.Checksum([]byte(line), castagnoli))
}

// readSeal reads a seal. One that is missing or cannot be understood seals nothing and
// is no error; a disk that does not answer is one.
func readSeal(path string) (seal, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return seal{}, nil
	}
	if err != nil {
		return seal{}, err
	}
	var s seal
	line, _, _ := strings.Cut(string(b), " sum ")
	if _, err := fmt.Sscanf(line, sealFormat, &s.serial, &s.file.Ino, &s.file.Size, &s.file.Modified, &s.file.Changed); err != nil {
		return seal{}, nil
	}
	if string(s.encode()) != string(b) {
		return seal{}, nil
	}
	return s, nil
}

// holds reports whether the state file is as it was when we closed it.
func (s seal) holds(id fileID) bool {
	id.Born = 0
	return s.file != fileID{} && s.file == id
}

// sealWriter keeps the seal's file open while the store is written.
type sealWriter struct{ f *os.File }

// breakSeal says that the state file is about to change. It fails where the seal
// cannot be written: then nothing may be.
func breakSeal(path string, serial int64) (*sealWriter, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = createFile(path)
	}
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(int64(len(seal{}.encode()))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w := &sealWriter{f}
	if err := w.write(seal{serial: serial}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

func (w *sealWriter) write(s seal) error {
	_, err := w.f.WriteAt(s.encode(), 0)
	return err
}

func (w *sealWriter) close() error { return w.f.Close() }
