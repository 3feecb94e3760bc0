package codebook

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
)

// TestEncoding: a codebook and what was summed up come back to the bit, and bytes that are no codebook are refused.
func TestEncoding(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	weights := make([]float32, 10000)
	for i := range weights {
		weights[i] = float32(random.NormFloat64())
		if i%500 == 0 {
			weights[i] *= 100
		}
	}
	h := NewHistogram()
	if err := h.Add(weights); err != nil {
		t.Fatal(err)
	}
	c, err := Design(h, Options{SNR: 25})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var read Codebook
	if err := read.UnmarshalBinary(b); err != nil || !read.equal(c) {
		t.Errorf("%v, %v", read, err)
	}
	for n := range len(b) {
		if n%8 != 4 && !errors.Is(read.UnmarshalBinary(b[:n]), ErrEncoding) {
			t.Errorf("%d bytes of it are a codebook", n)
		}
	}
	b[11] ^= 0x80 // the sign of the least value
	if err := read.UnmarshalBinary(b); !errors.Is(err, ErrEncoding) {
		t.Errorf("descending: %v", err)
	}

	var sum, same ErrorSum
	c.Quantizer().Quantize(make([]byte, len(weights)), weights, &sum)
	text, err := json.Marshal(sum)
	if err == nil {
		err = json.Unmarshal(text, &same)
	}
	if err != nil || same != sum || sum.inside.sse == 0 {
		t.Errorf("%+v, want %+v: %v", same, sum, err)
	}
}
