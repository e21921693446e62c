package imap

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// base64 of modified UTF-7 has "," for "/" and no padding (RFC 3501, 5.1.3).
var strictBase64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

var errName = errors.New("no modified UTF-7")

// strictDecode decodes a mailbox name from modified UTF-7 as the standard has it (RFC 3501,
// 5.1.3). It fails unless strictEncode gives the very same octets back.
func strictDecode(raw string) (string, error) {
	var sb strings.Builder
	for i := 0; i < len(raw); i++ {
		switch ch := raw[i]; {
		case ch < 0x20 || ch > 0x7e:
			return "", errName
		case ch != '&':
			sb.WriteByte(ch)
		default:
			end := strings.IndexByte(raw[i:], '-')
			if end < 0 {
				return "", errName
			}
			part, err := strictShift(raw[i+1 : i+end])
			if err != nil {
				return "", err
			}
			sb.WriteString(part)
			i += end
		}
	}
	name := sb.String()
	if strictEncode(name) != raw {
		return "", errName
	}
	return name, nil
}

func strictShift(b64 string) (string, error) {
	if b64 == "" {
		return "&", nil
	}
	b, err := strictBase64.DecodeString(b64)
	if err != nil || len(b)%2 != 0 {
		return "", errName
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return string(utf16.Decode(units)), nil
}

// strictEncode encodes a mailbox name in modified UTF-7, written apart from encodeName.
func strictEncode(name string) string {
	var sb strings.Builder
	for i := 0; i < len(name); {
		if ch := name[i]; ch >= 0x20 && ch <= 0x7e {
			sb.WriteByte(ch)
			if ch == '&' {
				sb.WriteByte('-')
			}
			i++
			continue
		}
		var b []byte
		for i < len(name) && (name[i] < 0x20 || name[i] > 0x7e) {
			r, n := utf8.DecodeRuneInString(name[i:])
			for _, u := range utf16.AppendRune(nil, r) {
				b = append(b, byte(u>>8), byte(u))
			}
			i += n
		}
		sb.WriteByte('&')
		sb.WriteString(strictBase64.EncodeToString(b))
		sb.WriteByte('-')
	}
	return sb.String()
}
