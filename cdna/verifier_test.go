package cdna

import "testing"

func TestParsePolicy(t *testing.T) {
	for text, want := range map[string]Policy{"always": Always, "sampled": Sampled, "trust-cached": TrustCached, "trust_cached": TrustCached} {
		if got, err := ParsePolicy(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ParsePolicy("never"); err == nil {
		t.Error("never was accepted")
	}
}

func needed(v *Verifier, blocks int) (n int, which []bool) {
	which = make([]bool, blocks)
	for i := range which {
		if which[i] = v.Need(i, nil); which[i] {
			n++
		}
	}
	return n, which
}

func TestSampled(t *testing.T) {
	n, which := needed(NewVerifier(Sampled, 10000, 7), 10000)
	if n < 850 || n > 1150 {
		t.Errorf("%d of 10000 blocks", n)
	}
	v := NewVerifier(Sampled, 10000, 7)
	for i := range which {
		v.Done(i, nil) // a sample is checked every time
	}
	if _, again := needed(v, 10000); !equal(which, again) {
		t.Error("the same seed chose otherwise")
	}
	if _, other := needed(NewVerifier(Sampled, 10000, 8), 10000); equal(which, other) {
		t.Error("another seed chose the same")
	}
	for blocks := 1; blocks < 30; blocks++ {
		for seed := range uint64(50) {
			if n, _ := needed(NewVerifier(Sampled, blocks, seed), blocks); n == 0 {
				t.Fatalf("seed %d chose none of %d blocks", seed, blocks)
			}
		}
	}
	// The choice is part of what a receipt can be replayed with: it must not change from one release to the next.
	var first []int
	for i, yes := range which {
		if yes && len(first) < 5 {
			first = append(first, i)
		}
	}
	if want := []int{0, 2, 4, 28, 33}; !equal(first, want) {
		t.Errorf("seed 7 chooses %v first, want %v", first, want)
	}
	NewVerifier(Sampled, 0, 1)
}

func TestTrustCached(t *testing.T) {
	v := NewVerifier(TrustCached, 130, 0)
	for _, i := range []int{0, 63, 64, 129} {
		if !v.Need(i, nil) {
			t.Errorf("block %d: not needed at first", i)
		}
		v.Done(i, nil)
		if v.Need(i, nil) {
			t.Errorf("block %d: still needed", i)
		}
	}
	if n, _ := needed(v, 130); n != 126 {
		t.Errorf("%d still needed, want 126", n)
	}
	for _, v := range []*Verifier{nil, v, NewVerifier(Always, 3, 0), NewVerifier("nonsense", 3, 0)} {
		v.Done(1000, nil) // out of range: nothing happens, and it is needed
		if !v.Need(1000, nil) || !v.Need(-1, nil) {
			t.Error("a block out of range is trusted")
		}
	}
	var always *Verifier
	always.Done(1, nil)
	if !always.Need(1, nil) {
		t.Error("a nil verifier does not verify")
	}
}

func equal[T comparable](a, b []T) bool {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}
