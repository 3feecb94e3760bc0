package cdna

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
)

func fingerprint(t *testing.T, b []byte) string {
	t.Helper()
	f, err := NewFile(context.Background(), bytes.NewReader(b), int64(len(b)), "a file")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := f.Fingerprint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestFingerprint(t *testing.T) {
	sealed := sample(t, "huff0")
	want := fingerprint(t, sealed)
	if !strings.Contains(string(sealed), `"`+keyHeadSum+`":"`+want+`"`) {
		t.Errorf("%s is not the file's %s", want, keyHeadSum)
	}
	// Without the key, the head's own hash: it changes with the codebook.
	plain := bytes.Replace(sealed, []byte(keyHeadSum), []byte("note_______"), 1)
	codebook := bytes.Clone(plain)
	codebook[prefixLen+int(binary.LittleEndian.Uint16(plain[6:]))] ^= 1
	if a, b := fingerprint(t, plain), fingerprint(t, codebook); a == b || a == want {
		t.Errorf("%s and %s", a, b)
	}
	v1 := sampleV1(t)
	changed := bytes.Clone(v1)
	changed[16] ^= 1 // the codebook
	if fingerprint(t, v1) == fingerprint(t, changed) {
		t.Error("version 1: another codebook, the same fingerprint")
	}
}
