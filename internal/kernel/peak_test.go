package kernel

import "testing"

// TestPeaks: the yardsticks of every level that has kernels run here.
func TestPeaks(t *testing.T) {
	for _, l := range Levels() {
		k, err := ForLevel(l)
		if err != nil {
			t.Fatal(err)
		}
		float, integer := k.Peaks()
		for _, p := range []Peak{float, integer} {
			if (p.Run == nil) != (p.Instruction == "") || (p.Run == nil) != (p.Each == 0) || p.Run == nil && (l == AVX2 || l == AVX512 || l == VBMI) {
				t.Errorf("%s: %+v", l, p)
			}
			if p.Run != nil {
				p.Run(3)
			}
		}
	}
}
