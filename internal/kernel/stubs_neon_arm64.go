//go:build !noasm

package kernel

// The routines of level neon, by the type that routines.go documents.

// dotFunc

//go:noescape
func dot1x1BytesNEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x2BytesNEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x3BytesNEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x4BytesNEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot4x1Packed6BF16NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot4x2Packed6BF16NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot4x1Packed6F32NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot4x1Packed4BF16NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot4x2Packed4BF16NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot4x1Packed4F32NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot4x2Packed4F32NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x1DenseF32NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x2DenseF32NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x3DenseF32NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x4DenseF32NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x1DenseBF16NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x2DenseBF16NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x3DenseBF16NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

//go:noescape
func dot1x4DenseBF16NEON(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)

// accumulateFunc

//go:noescape
func accumulate1BytesNEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate2BytesNEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate3BytesNEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate4BytesNEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate1Packed6BF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate2Packed6BF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate3Packed6BF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate4Packed6BF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate1Packed6F32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate2Packed6F32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate1Packed4BF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate2Packed4BF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate3Packed4BF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate4Packed4BF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate1Packed4F32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate2Packed4F32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate3Packed4F32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate4Packed4F32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate1DenseF32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate2DenseF32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate3DenseF32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate4DenseF32NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate1DenseBF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate2DenseBF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate3DenseBF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

//go:noescape
func accumulate4DenseBF16NEON(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)

// decodeLanesFunc

//go:noescape
func decodeLanesBytesNEON(dst *float32, w *byte, ldw int, table *byte, n int)

//go:noescape
func decodeLanesPacked6BF16NEON(dst *float32, w *byte, ldw int, table *byte, n int)

//go:noescape
func decodeLanesPacked6F32NEON(dst *float32, w *byte, ldw int, table *byte, n int)

//go:noescape
func decodeLanesPacked4BF16NEON(dst *float32, w *byte, ldw int, table *byte, n int)

//go:noescape
func decodeLanesPacked4F32NEON(dst *float32, w *byte, ldw int, table *byte, n int)

//go:noescape
func decodeLanesDenseF32NEON(dst *float32, w *byte, ldw int, table *byte, n int)

//go:noescape
func decodeLanesDenseBF16NEON(dst *float32, w *byte, ldw int, table *byte, n int)

// decodeColumnsFunc

//go:noescape
func decodeColumnsBytesNEON(dst *float32, w *byte, ldw int, table *byte, rows int)

//go:noescape
func decodeColumnsPacked6BF16NEON(dst *float32, w *byte, ldw int, table *byte, rows int)

//go:noescape
func decodeColumnsPacked6F32NEON(dst *float32, w *byte, ldw int, table *byte, rows int)

//go:noescape
func decodeColumnsPacked4BF16NEON(dst *float32, w *byte, ldw int, table *byte, rows int)

//go:noescape
func decodeColumnsPacked4F32NEON(dst *float32, w *byte, ldw int, table *byte, rows int)

//go:noescape
func decodeColumnsDenseF32NEON(dst *float32, w *byte, ldw int, table *byte, rows int)

//go:noescape
func decodeColumnsDenseBF16NEON(dst *float32, w *byte, ldw int, table *byte, rows int)

// gemmFunc

//go:noescape
func gemm4x1NEON(sums, x, w *float32, steps int)

//go:noescape
func gemm4x2NEON(sums, x, w *float32, steps int)

//go:noescape
func gemm4x3NEON(sums, x, w *float32, steps int)

//go:noescape
func gemm4x4NEON(sums, x, w *float32, steps int)

//go:noescape
func gemm4x5NEON(sums, x, w *float32, steps int)

//go:noescape
func gemm4x6NEON(sums, x, w *float32, steps int)

// outerFunc

//go:noescape
func outer1NEON(y *float32, ldy int, x *float32, ldx int, w *float32, rows int)

//go:noescape
func outer2NEON(y *float32, ldy int, x *float32, ldx int, w *float32, rows int)

//go:noescape
func outer3NEON(y *float32, ldy int, x *float32, ldx int, w *float32, rows int)

//go:noescape
func outer4NEON(y *float32, ldy int, x *float32, ldx int, w *float32, rows int)

//go:noescape
func outer5NEON(y *float32, ldy int, x *float32, ldx int, w *float32, rows int)

//go:noescape
func outer6NEON(y *float32, ldy int, x *float32, ldx int, w *float32, rows int)

// reduceFunc and readFunc

//go:noescape
func reduceNEON(dst, sums *float32, count int)

//go:noescape
func readNEON(p *byte, n int) uint64

// sparseDotFunc and sparseAccumulateFunc

//go:noescape
func sparseDot1NEON(y *float32, ldy int, x *float32, ldx int, start, col *uint32, delta *float32, rows int)

//go:noescape
func sparseDot2NEON(y *float32, ldy int, x *float32, ldx int, start, col *uint32, delta *float32, rows int)

//go:noescape
func sparseDot3NEON(y *float32, ldy int, x *float32, ldx int, start, col *uint32, delta *float32, rows int)

//go:noescape
func sparseDot4NEON(y *float32, ldy int, x *float32, ldx int, start, col *uint32, delta *float32, rows int)

//go:noescape
func sparseAccumulateNEON(z, x *float32, start, col *uint32, delta *float32, rows int)

// tile64Func

//go:noescape
func tile64x1NEON(c *float64, ldc int, a *float64, lda, step int, b *float64, steps int)

//go:noescape
func tile64x2NEON(c *float64, ldc int, a *float64, lda, step int, b *float64, steps int)

//go:noescape
func tile64x3NEON(c *float64, ldc int, a *float64, lda, step int, b *float64, steps int)

// Tiles of lattice codes.

//go:noescape
func unpackTiles0NEON(dst, lines *byte, n int)

//go:noescape
func unpackTiles2NEON(dst, lines *byte, n int)

//go:noescape
func unpackTiles3NEON(dst, lines *byte, n int)

//go:noescape
func unpackTiles4NEON(dst, lines *byte, n int)

//go:noescape
func unpackTiles5NEON(dst, lines *byte, n int)

//go:noescape
func unpackTiles6NEON(dst, lines *byte, n int)

//go:noescape
func unpackTiles7NEON(dst, lines *byte, n int)

//go:noescape
func unpackTiles8NEON(dst, lines *byte, n int)

//go:noescape
func deinterleaveNEON(rows *byte, ld int, strip *byte, n int)

//go:noescape
func interleaveTileNEON(tile, rows *byte, ld int)

//go:noescape
func tileEntriesNEON(tile *byte) (a, b uint64)

//go:noescape
func tileOutsideNEON(outside *uint64, tile *byte, least, mask uint32)

//go:noescape
func packTile2NEON(lines, tile *byte)

//go:noescape
func packTile3NEON(lines, tile *byte)

//go:noescape
func packTile4NEON(lines, tile *byte)

//go:noescape
func packTile5NEON(lines, tile *byte)

//go:noescape
func packTile6NEON(lines, tile *byte)

//go:noescape
func packTile7NEON(lines, tile *byte)

// The functions of activations, of a positive multiple of eight elements.

//go:noescape
func siluMulNEON(x, u *float32, n int)

//go:noescape
func geluTanhMulNEON(x, u *float32, n int)

//go:noescape
func softcapNEON(x *float32, n int, scale, cap float32)

//go:noescape
func expNEON(x *float32, n int, from, scale float32)

// Attention, but for its sums.

//go:noescape
func softmaxTileNEON(scores *float32, rows int, states *float32, scales *float32)

//go:noescape
func scaleByNEON(dst, src *float32, n int, factor float32)

//go:noescape
func widenF16NEON(dst *float32, src *byte, n int)

//go:noescape
func widenInt8NEON(dst *float32, src *byte, n int)

// A delta net's and a Mamba-2 layer's step, of a positive multiple of 32 columns.

//go:noescape
func deltaStepNEON(state *float32, ld int, query, key *float32, keys int, value, out *float32, columns int, keep, take float32)

//go:noescape
func scanStepNEON(state *float32, ld int, query, key *float32, keys int, value, out *float32, columns int, keep, take float32)
