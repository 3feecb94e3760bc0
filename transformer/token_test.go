//go:build !race

package transformer

import (
	"runtime"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/latticetest"
)

// TestTokenStartsNothing: a token of a resident model starts no goroutine and allocates nothing.
func TestTokenStartsNothing(t *testing.T) {
	src, dir := losslessDemo(t)
	latticetest.Convert(t, dir, 1.0/30)
	for _, path := range []string{src, dir} {
		m := openModel(t, path, Options{Context: 200, Threads: 3})
		m.Config.LogitSoftcap = 30 // a task more
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		ids, none := []int{1}, func(int, []float32) error { return nil }
		token := func() {
			if err := s.Forward(t.Context(), ids, 0, none); err != nil {
				t.Error(err)
			}
		}
		token()
		before := runtime.NumGoroutine()
		if n := testing.AllocsPerRun(50, token); n >= 1 {
			t.Errorf("a token allocates %v times", n)
		}
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines, there were %d", after, before)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
