//go:build !noasm

package kernel

// bytesNEON looks float32 up, whatever the codebook.
var bytesNEON = formRoutines{
	dot1:          [maxDirect + 1]dotFunc{1: dot1x1BytesNEON, 2: dot1x2BytesNEON, 3: dot1x3BytesNEON, 4: dot1x4BytesNEON},
	accumulate:    [maxDirect + 1]accumulateFunc{1: accumulate1BytesNEON, 2: accumulate2BytesNEON, 3: accumulate3BytesNEON, 4: accumulate4BytesNEON},
	decodeLanes:   decodeLanesBytesNEON,
	decodeColumns: decodeColumnsBytesNEON,
}

var routinesNEON = routines{
	forms: [formCount]formRoutines{
		formBytesBF16: bytesNEON,
		formBytesF32:  bytesNEON,
		formPacked6BF16: {
			dot4:          [maxDirect + 1]dotFunc{1: dot4x1Packed6BF16NEON, 2: dot4x2Packed6BF16NEON},
			accumulate:    [maxDirect + 1]accumulateFunc{1: accumulate1Packed6BF16NEON, 2: accumulate2Packed6BF16NEON, 3: accumulate3Packed6BF16NEON, 4: accumulate4Packed6BF16NEON},
			decodeLanes:   decodeLanesPacked6BF16NEON,
			decodeColumns: decodeColumnsPacked6BF16NEON,
		},
		formPacked6F32: {
			dot4:          [maxDirect + 1]dotFunc{1: dot4x1Packed6F32NEON},
			accumulate:    [maxDirect + 1]accumulateFunc{1: accumulate1Packed6F32NEON, 2: accumulate2Packed6F32NEON},
			decodeLanes:   decodeLanesPacked6F32NEON,
			decodeColumns: decodeColumnsPacked6F32NEON,
		},
		formPacked4BF16: {
			dot4:          [maxDirect + 1]dotFunc{1: dot4x1Packed4BF16NEON, 2: dot4x2Packed4BF16NEON},
			accumulate:    [maxDirect + 1]accumulateFunc{1: accumulate1Packed4BF16NEON, 2: accumulate2Packed4BF16NEON, 3: accumulate3Packed4BF16NEON, 4: accumulate4Packed4BF16NEON},
			decodeLanes:   decodeLanesPacked4BF16NEON,
			decodeColumns: decodeColumnsPacked4BF16NEON,
		},
		formPacked4F32: {
			dot4:          [maxDirect + 1]dotFunc{1: dot4x1Packed4F32NEON, 2: dot4x2Packed4F32NEON},
			accumulate:    [maxDirect + 1]accumulateFunc{1: accumulate1Packed4F32NEON, 2: accumulate2Packed4F32NEON, 3: accumulate3Packed4F32NEON, 4: accumulate4Packed4F32NEON},
			decodeLanes:   decodeLanesPacked4F32NEON,
			decodeColumns: decodeColumnsPacked4F32NEON,
		},
		formDenseF32: {
			dot1:          [maxDirect + 1]dotFunc{1: dot1x1DenseF32NEON, 2: dot1x2DenseF32NEON, 3: dot1x3DenseF32NEON, 4: dot1x4DenseF32NEON},
			accumulate:    [maxDirect + 1]accumulateFunc{1: accumulate1DenseF32NEON, 2: accumulate2DenseF32NEON, 3: accumulate3DenseF32NEON, 4: accumulate4DenseF32NEON},
			decodeLanes:   decodeLanesDenseF32NEON,
			decodeColumns: decodeColumnsDenseF32NEON,
		},
		formDenseBF16: {
			dot1:          [maxDirect + 1]dotFunc{1: dot1x1DenseBF16NEON, 2: dot1x2DenseBF16NEON, 3: dot1x3DenseBF16NEON, 4: dot1x4DenseBF16NEON},
			accumulate:    [maxDirect + 1]accumulateFunc{1: accumulate1DenseBF16NEON, 2: accumulate2DenseBF16NEON, 3: accumulate3DenseBF16NEON, 4: accumulate4DenseBF16NEON},
			decodeLanes:   decodeLanesDenseBF16NEON,
			decodeColumns: decodeColumnsDenseBF16NEON,
		},
	},
	gemm:   [panelWidth + 1]gemmFunc{1: gemm4x1NEON, 2: gemm4x2NEON, 3: gemm4x3NEON, 4: gemm4x4NEON, 5: gemm4x5NEON, 6: gemm4x6NEON},
	outer:  [panelWidth + 1]outerFunc{1: outer1NEON, 2: outer2NEON, 3: outer3NEON, 4: outer4NEON, 5: outer5NEON, 6: outer6NEON},
	reduce: reduceNEON,
	read:   readNEON,
	tiles: tileRoutines{
		unpack:       [9]unpackFunc{0: unpackTiles0NEON, 2: unpackTiles2NEON, 3: unpackTiles3NEON, 4: unpackTiles4NEON, 5: unpackTiles5NEON, 6: unpackTiles6NEON, 7: unpackTiles7NEON, 8: unpackTiles8NEON},
		deinterleave: deinterleaveNEON,
		interleave:   interleaveTileNEON,
		entries:      tileEntriesNEON,
		outside:      tileOutsideNEON,
		pack:         [8]packTileFunc{2: packTile2NEON, 3: packTile3NEON, 4: packTile4NEON, 5: packTile5NEON, 6: packTile6NEON, 7: packTile7NEON},
	},
	tile64: tile64{rows: 4, multiply: [tile64Widths + 1]tile64Func{1: tile64x1NEON, 2: tile64x2NEON, 3: tile64x3NEON}},

	elementwise: elementwise{unit: 8, softcap: softcapNEON, exp: expNEON, siluMul: siluMulNEON, geluTanhMul: geluTanhMulNEON},
	attention:   attention{softmax: softmaxTileNEON, scale: scaleByNEON, widen: [kvForms]func(dst *float32, src *byte, n int){KVF16: widenF16NEON, KVInt8: widenInt8NEON}},
	delta:       delta{unit: 32, step: deltaStepNEON},
	scan:        scan{unit: 32, step: scanStepNEON},

	sparseDot:        [maxDirect + 1]sparseDotFunc{1: sparseDot1NEON, 2: sparseDot2NEON, 3: sparseDot3NEON, 4: sparseDot4NEON},
	sparseAccumulate: sparseAccumulateNEON,
}
