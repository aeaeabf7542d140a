package report

import (
	"crypto/rand"
	"encoding/hex"
)

// NewID returns a run_id: 128 random bits, in hexadecimal.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails on Linux, by its documentation
	return hex.EncodeToString(b[:])
}
