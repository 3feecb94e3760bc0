//go:build !noasm

package kernel

// spreadEntries has for each byte of counts, those of two rows, by which table look-up the first entries of both, up to four of each, go
// from a list to four bytes of each row, 0xFF where there is none; and behind all of them how many these are.
//
//lint:ignore U1000 stripStartsNEON reads it.
var spreadEntries = func() (spread [256 * (8 + 1)]byte) {
	for counts := range 256 {
		n := byte(0)
		for i := range 8 {
			from := byte(0xFF)
			if i%4 < counts>>(i/4*4)&15 {
				from = n
				n++
			}
			spread[8*counts+i] = from
		}
		spread[8*256+counts] = n
	}
	return spread
}()
