//go:build (amd64 || arm64) && !noasm

package alias

import (
	"bytes"
	"testing"
)

// The vector instructions do what the portable code does, on good and on bad bytes.
func TestVectorIsPortable(t *testing.T) {
	if !hasVector {
		t.Skip("no vector instructions")
	}
	defer func() { hasVector = true }()
	for n := range 150 {
		codes, tables, plan := sample(uint64(n), n, manySpreads...)
		packed := Encode(nil, codes, tables, plan)
		for _, damage := range []int{-1, n % len(packed), len(packed) - 1 - n%len(packed), n * 7919 % len(packed)} {
			b := bytes.Clone(packed)
			if damage >= 0 {
				b[damage] ^= byte(1 + n)
			}
			var got [2][]byte
			var errs [2]error
			for i := range got {
				hasVector = i == 1
				got[i] = make([]byte, len(codes))
				errs[i] = Decode(got[i], b, tables, plan)
			}
			if errs[0] != errs[1] || errs[0] == nil && !bytes.Equal(got[0], got[1]) {
				t.Fatalf("%d steps, damage at %d: %v, %v", n, damage, errs[0], errs[1])
			}
			if damage < 0 && (errs[0] != nil || !bytes.Equal(got[0], codes)) {
				t.Fatalf("%d steps: %v", n, errs[0])
			}
		}
	}
}

// Each four steps, from the same states, words and raw bits, leave the same of them.
func TestVectorStates(t *testing.T) {
	if !hasVector {
		t.Skip("no vector instructions")
	}
	codes, tables, plan := sample(7, 403, manySpreads...)
	packed := Encode(nil, codes, tables, plan)
	start := func() *decoder {
		raw := rawLen(tables, plan)
		d := &decoder{raw: packed[headLen:], words: packed[headLen+raw+statesLen:]}
		for i := range d.states {
			d.states[i] = uint32(floor + i*i*977)
		}
		return d
	}
	vector, portable := start(), start()
	got, want := make([]byte, len(codes)), make([]byte, len(codes))
	done := vector.quads(got, tables, plan)
	if done < len(plan)/2 {
		t.Fatalf("%d of %d steps", done, len(plan))
	}
	for i := 0; i < done; i += quad {
		portable.some(want[i*Step:], tables, plan[i:i+quad])
	}
	if vector.states != portable.states || len(vector.words) != len(portable.words) || len(vector.raw) != len(portable.raw) || !bytes.Equal(got[:done*Step], want[:done*Step]) {
		t.Error("other states, words, raw bits or codes")
	}
}
