package procmem

import "testing"

func TestTrimProgram(t *testing.T) {
	before, ok := CurrentRSS()
	if err := TrimProgram(); err != nil {
		t.Fatal(err)
	}
	after, _ := CurrentRSS()
	if ok && after > before+1<<20 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
}
