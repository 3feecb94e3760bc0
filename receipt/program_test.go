package receipt

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
	"time"
)

// A receipt names the program that made it, and claims nothing of it: another build's
// receipt has the same claims.
func TestProgramSHA256(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(b)
	e, err := NewRecorder(time.Unix(0, 0)).Receipt(map[string]any{"operation": OpVerify}, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Measurements.Program.SHA256; got != hex.EncodeToString(want[:]) {
		t.Errorf("%q, not %x", got, want)
	}
	if e.ClaimsSHA256 != sum([]byte(`{"operation":"verify"}`)) {
		t.Errorf("claims %s", e.Claims)
	}
}
