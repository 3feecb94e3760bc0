package codec

import "slices"

// histogram counts the bytes of src. Four tables keep runs of one byte from
// waiting for each other's stores.
func histogram(counts *[256]uint32, src []byte) {
	var c [4][256]uint32
	n := len(src) &^ 3
	for i := 0; i < n; i += 4 {
		s := src[i : i+4 : i+4]
		c[0][s[0]]++
		c[1][s[1]]++
		c[2][s[2]]++
		c[3][s[3]]++
	}
	for _, b := range src[n:] {
		c[0][b]++
	}
	for i := range counts {
		counts[i] = c[0][i] + c[1][i] + c[2][i] + c[3][i]
	}
}

// longestCode is the longest code any format here allows (Brotli's 15 bits).
const longestCode = 15

// huffman finds optimal length-limited prefix codes. The zero value is ready;
// it holds only working memory.
type huffman struct {
	leaves   [256]uint64            // count<<8 | symbol, ascending
	list     [2][512]uint32         // weights of the level below and of this one
	packages [longestCode][512]bool // which items of a level are packages
}

// codeLengths sets lengths[s] to the length of symbol s's code in the prefix
// code that spends the fewest bits on counts with no code longer than limit;
// 0 for symbols that do not occur. At least two symbols must occur. Equal counts
// are ordered by symbol, so the result depends on counts alone.
//
// It is package-merge (Larmore and Hirschberg, 1990): a level's list holds all
// leaves and the pairs of the list below, sorted by weight. The cheapest 2n-2
// items of the top list, followed down to the leaves they are made of, name a
// leaf once for every bit of its code.
func (h *huffman) codeLengths(lengths *[256]uint8, counts *[256]uint32, limit int) {
	clear(lengths[:])
	leaves := h.leaves[:0]
	for s, c := range counts {
		if c != 0 {
			leaves = append(leaves, uint64(c)<<8|uint64(s))
		}
	}
	slices.Sort(leaves)
	n := len(leaves)

	below := h.list[0][:0]
	for level := range limit {
		list, isPackage := h.list[1-level&1][:0], &h.packages[level]
		l, p := 0, 0 // next leaf, next package
		for len(list) < 2*n-2 && (l < n || 2*p+1 < len(below)) {
			pair := ^uint32(0)
			if 2*p+1 < len(below) {
				pair = below[2*p] + below[2*p+1]
			}
			if l < n && uint32(leaves[l]>>8) <= pair {
				isPackage[len(list)] = false
				list = append(list, uint32(leaves[l]>>8))
				l++
			} else {
				isPackage[len(list)] = true
				list = append(list, pair)
				p++
			}
		}
		below = list
	}

	take := 2*n - 2
	for level := limit - 1; level >= 0; level-- {
		packages := 0
		for _, is := range h.packages[level][:take] {
			if is {
				packages++
			}
		}
		for _, leaf := range leaves[:take-packages] {
			lengths[uint8(leaf)]++
		}
		take = 2 * packages
	}
}

// codedBits is the number of bits that data with these counts takes, or false
// if a symbol that occurs has no code.
func codedBits(counts *[256]uint32, lengths *[256]uint8) (bits int, ok bool) {
	ok = true
	for s, c := range counts {
		bits += int(c) * int(lengths[s])
		ok = ok && (c == 0 || lengths[s] != 0)
	}
	return bits, ok
}

// code is one symbol's prefix code: the low bits of value, as they are written
// to the stream, least significant first.
type code struct {
	value uint16
	bits  uint8
}
