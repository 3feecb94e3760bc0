package kernel

import "math"

// The float64 canon: an element of C is one chain of fused multiply-adds over
// the steps in ascending order, starting at the C given. The sums between two
// calls are float64 in memory, so cutting a chain into calls changes no bit.

type (
	// tile64Func adds steps (positive) of a times b to a tile of C; strides in bytes.
	tile64Func func(c *float64, ldc int, a *float64, lda, step int, b *float64, steps int)
	// pack64Func copies rows as wide as a tile, steps (positive), to a panel; ld in bytes.
	pack64Func func(dst, src *float64, ld, steps int)
	// widen64Func does so from float32.
	widen64Func func(dst *float64, src *float32, ld, steps int)
)

// tile64Widths is how many widths tiles have, in registers.
const tile64Widths = 3

// tile64 are the register tiles of a level. A register holds as many elements
// as a tile has rows. Routines are by width in registers; those that pack may be nil.
type tile64 struct {
	rows     int
	multiply [tile64Widths + 1]tile64Func
	pack     [tile64Widths + 1]pack64Func
	widen    [tile64Widths + 1]widen64Func
}

const portableTile = 4 // rows and columns of the portable tile

// Tile64 returns the sizes of the tiles of C that MulTile64 takes: so many
// rows, and columns that are a multiple of rows, up to the one given.
func (k *Kernels) Tile64() (rows, columns int) {
	if k.asm == nil {
		return portableTile, portableTile
	}
	return k.asm.tile64.rows, k.asm.tile64.rows * tile64Widths
}

// MulTile64 adds A·B to a tile of C with so many columns, rows ldc apart:
// c[i·ldc+j] becomes the chain of FMAs of a[i·lda+p·step]·b[p·columns+j] over
// p = 0 … steps-1. Strides are at least 1, and B is a panel [steps, columns].
func (k *Kernels) MulTile64(c []float64, ldc, columns int, a []float64, lda, step int, b []float64, steps int) {
	rows, most := k.Tile64()
	if columns < rows || columns > most || columns%rows != 0 || !fits(len(c), rows, ldc, columns) ||
		steps < 0 || len(b)/columns < steps || steps > 0 && !reaches(len(a), rows, lda, steps, step) {
		panicf("MulTile64: %d × %d, %d steps, c %d (stride %d), a %d (strides %d, %d), b %d",
			rows, columns, steps, len(c), ldc, len(a), lda, step, len(b))
	}
	if steps == 0 {
		return
	}
	if k.asm == nil {
		mulTile64Portable(c, ldc, a, lda, step, b, steps)
		return
	}
	k.asm.tile64.multiply[columns/rows](&c[0], 8*ldc, &a[0], 8*lda, 8*step, &b[0], steps)
}

// reaches reports whether rows of steps elements lie within n elements.
func reaches(n, rows, ld, steps, step int) bool {
	if n < 1 || ld < 1 || step < 1 || (n-1)/ld < rows-1 {
		return false
	}
	return (n-1-(rows-1)*ld)/step >= steps-1
}

// Pack64 copies rows of columns elements, ld apart, to dst without gaps: the
// panel of MulTile64. Columns are those of a tile.
func (k *Kernels) Pack64(dst []float64, columns int, src []float64, ld, steps int) {
	rows := k.checkPack64("Pack64", len(dst), columns, len(src), ld, steps)
	if steps == 0 {
		return
	}
	if k.asm == nil || k.asm.tile64.pack[columns/rows] == nil {
		for p := range steps {
			copy(dst[p*columns:][:columns], src[p*ld:])
		}
		return
	}
	k.asm.tile64.pack[columns/rows](&dst[0], &src[0], 8*ld, steps)
}

// Widen64 is Pack64 from float32.
func (k *Kernels) Widen64(dst []float64, columns int, src []float32, ld, steps int) {
	rows := k.checkPack64("Widen64", len(dst), columns, len(src), ld, steps)
	if steps == 0 {
		return
	}
	if k.asm == nil || k.asm.tile64.widen[columns/rows] == nil {
		for p := range steps {
			for j, v := range src[p*ld:][:columns] {
				dst[p*columns+j] = float64(v)
			}
		}
		return
	}
	k.asm.tile64.widen[columns/rows](&dst[0], &src[0], 4*ld, steps)
}

// checkPack64 returns the rows of a tile.
func (k *Kernels) checkPack64(what string, dst, columns, src, ld, steps int) int {
	rows, most := k.Tile64()
	if columns < rows || columns > most || columns%rows != 0 || !fits(src, steps, ld, columns) || dst/columns < steps {
		panicf("%s: %d columns, %d steps, dst %d, src %d (stride %d)", what, columns, steps, dst, src, ld)
	}
	return rows
}

// mulTile64Portable is the canon as plain Go.
func mulTile64Portable(c []float64, ldc int, a []float64, lda, step int, b []float64, steps int) {
	for i := range portableTile {
		row := c[i*ldc:][:portableTile]
		s0, s1, s2, s3 := row[0], row[1], row[2], row[3]
		for p := range steps {
			x, y := a[i*lda+p*step], b[portableTile*p:][:portableTile]
			s0 = math.FMA(x, y[0], s0)
			s1 = math.FMA(x, y[1], s1)
			s2 = math.FMA(x, y[2], s2)
			s3 = math.FMA(x, y[3], s3)
		}
		row[0], row[1], row[2], row[3] = s0, s1, s2, s3
	}
}
