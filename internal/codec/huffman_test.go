package codec

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// huffmanBits is the textbook: merge the two rarest until one is left. The sum
// of the merges is the number of bits an unlimited Huffman code spends.
func huffmanBits(counts *[256]uint32) int {
	var heap []int
	for _, c := range counts {
		if c > 0 {
			heap = append(heap, int(c))
		}
	}
	bits := 0
	for len(heap) > 1 {
		slices.Sort(heap)
		sum := heap[0] + heap[1]
		bits += sum
		heap = append(heap[2:], sum)
	}
	return bits
}

// bestLimited is the least number of bits of any complete code with lengths up
// to limit, by trying them all: counts descending, n of them.
func bestLimited(counts []uint32, limit int) int {
	best := 1 << 60
	var try func(i, shortest, room, bits int) // room in units of 2^-limit
	try = func(i, shortest, room, bits int) {
		if i == len(counts) {
			if room == 0 {
				best = min(best, bits)
			}
			return
		}
		for l := shortest; l <= limit; l++ {
			if need := 1 << (limit - l); need <= room {
				try(i+1, l, room-need, bits+l*int(counts[i]))
			}
		}
	}
	try(0, 1, 1<<limit, 0)
	return best
}

func TestCodeLengthsAreOptimal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var h huffman // one for all, to see that nothing is left over
	for range 300 {
		n, limit := 2+r.IntN(6), 3+r.IntN(4)
		var counts [256]uint32
		var sorted []uint32
		for len(sorted) < n {
			s := r.IntN(256)
			if counts[s] == 0 {
				counts[s] = 1 + uint32(r.ExpFloat64()*r.ExpFloat64()*20)
				sorted = append(sorted, counts[s])
			}
		}
		slices.Sort(sorted)
		slices.Reverse(sorted)
		var lengths [256]uint8
		h.codeLengths(&lengths, &counts, limit)
		got, ok := codedBits(&counts, &lengths)
		if want := bestLimited(sorted, limit); !ok || got != want {
			t.Fatalf("%v, limit %d: %d bits, want %d", sorted, limit, got, want)
		}
	}
}

func TestCodeLengthsAgreeWithHuffman(t *testing.T) {
	var h huffman
	for _, limit := range []int{8, maxLiteralBits, maxBrotliBits} {
		for what, data := range inputs(60_000) {
			var counts [256]uint32
			histogram(&counts, data)
			var lengths [256]uint8
			if what == "constant 0" || what == "constant 255" {
				continue
			}
			h.codeLengths(&lengths, &counts, limit)
			kraft := 0
			for s, l := range lengths {
				if int(l) > limit || (l == 0) != (counts[s] == 0) {
					t.Fatalf("%s: symbol %d has %d bits and count %d", what, s, l, counts[s])
				}
				if l > 0 {
					kraft += 1 << (limit - int(l))
				}
			}
			if kraft != 1<<limit {
				t.Errorf("%s, limit %d: not a complete code", what, limit)
			}
			got, _ := codedBits(&counts, &lengths)
			want := huffmanBits(&counts)
			if limited := int(slices.Max(lengths[:])) == limit; got < want || !limited && got != want {
				t.Errorf("%s, limit %d: %d bits, Huffman %d", what, limit, got, want)
			}
		}
	}
}

func TestXXH32(t *testing.T) {
	// Values of the reference implementation.
	for in, want := range map[string]uint32{
		"":    0x02cc5d05,
		"a":   0x550d7456,
		"abc": 0x32d153ff,
		"Nobody inspects the spammish repetition": 0xe2293b2f,
	} {
		if got := xxh32([]byte(in)); got != want {
			t.Errorf("xxh32(%q) = %#x, want %#x", in, got, want)
		}
	}
}
