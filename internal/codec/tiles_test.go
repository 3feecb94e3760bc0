package codec

import (
	"bytes"
	"errors"
	"testing"
)

// TestTiles: blocks of whole rows come back, no packed byte stands for more than MaxRatio, and what is no block is refused.
func TestTiles(t *testing.T) {
	for _, shape := range [][2]int{{1, 1}, {1, 100}, {40, 33}, {16, 64}, {70, 5000}} {
		rows, cols := shape[0], shape[1]
		c := NewTiles(cols)
		for what, codes := range map[string][]byte{"zeros": bytes.Repeat([]byte{128}, rows*cols), "any": uniform(rows*cols, 256, 1)} {
			b, err := c.Encode([]byte("before"), codes)
			packed, found := bytes.CutPrefix(b, []byte("before"))
			if err != nil || !found || len(packed)*MaxRatio < len(codes) {
				t.Fatalf("%v, %s: %d bytes, %v", shape, what, len(packed), err)
			}
			got := make([]byte, len(codes))
			if err := c.Decode(got, packed); err != nil || !bytes.Equal(got, codes) {
				t.Errorf("%v, %s: others, %v", shape, what, err)
			}
			for wrong, refused := range map[string]error{
				"a strip less": c.Decode(make([]byte, (rows-1)/16*16*cols), packed),
				"a strip more": c.Decode(make([]byte, (rows+16)*cols), packed),
				"cut":          c.Decode(got, packed[:len(packed)-1]),
				"longer":       c.Decode(got, append(bytes.Clone(packed), 0)),
				"nothing":      c.Decode(got, nil),
			} {
				if !errors.Is(refused, ErrCorrupt) {
					t.Errorf("%v, %s, %s: %v", shape, what, wrong, refused)
				}
			}
		}
	}
	c := NewTiles(8)
	for _, n := range []int{0, 1, 9} {
		if _, err := c.Encode(nil, make([]byte, n)); !errors.Is(err, ErrLength) {
			t.Errorf("encode %d bytes, no rows of 8: %v", n, err)
		}
		if err := c.Decode(make([]byte, n), make([]byte, 25)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("decode %d bytes, no rows of 8: %v", n, err)
		}
	}
}
