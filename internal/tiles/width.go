package tiles

// The prices by which the width of a tile is chosen. An entry takes a byte, and about as much time as reading more.
const (
	linePrice  = 128
	entryPrice = 3
)

// maxWidth holds every code.
const maxWidth = 8

// left returns the multiple of 2^width that a width leaves of a code.
func left(code byte, width int) int { return (int(code) - Zero + 1<<width>>1) >> width }

// least is the code that is kept as 0.
func least(width int) byte { return byte(Zero - 1<<width>>1) }

// cheapest returns the cheapest width of a tile, and how many entries it takes then.
func cheapest(sums [2]uint64) (width, entries int) {
	price := maxWidth * linePrice
	width = maxWidth
	for _, w := range Widths {
		n := int(sums[w.Word] >> w.Shift & (1<<w.Size - 1))
		if p := w.Bits*linePrice + n*entryPrice; p < price {
			price, width, entries = p, w.Bits, n
		}
	}
	return width, entries
}
