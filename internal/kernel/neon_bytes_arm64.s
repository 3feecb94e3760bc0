//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_rows_arm64.h"

// Index bytes, looked up one by one in the float32 of the Table: 1 KiB, which
// stays in the L1 cache. Byte planes would take 16 registers each, two or four
// passes over a tile, and four TBL of four registers (three or more operations
// each) per 16 indices and plane: more work than eleven instructions per four
// weights here. bfloat16 codebooks have no advantage, so they share the kernels.

#define GROUP 64
#define SETUP

// EIGHT looks up eight columns, from column q on, to V4..V11.
#define EIGHT(q) \
	MOVD (q)(ROW), R13; \
	AND $255, R13, R20; \
	UBFX $8, R13, $8, R21; \
	UBFX $16, R13, $8, R22; \
	UBFX $24, R13, $8, R23; \
	FMOVS (TABLE)(R20<<2), F4; \
	FMOVS (TABLE)(R21<<2), F5; \
	FMOVS (TABLE)(R22<<2), F6; \
	FMOVS (TABLE)(R23<<2), F7; \
	UBFX $32, R13, $8, R20; \
	UBFX $40, R13, $8, R21; \
	UBFX $48, R13, $8, R22; \
	LSR $56, R13, R23; \
	FMOVS (TABLE)(R20<<2), F8; \
	FMOVS (TABLE)(R21<<2), F9; \
	FMOVS (TABLE)(R22<<2), F10; \
	FMOVS (TABLE)(R23<<2), F11

// JOIN makes a register of the first elements of four.
#define JOIN(a, b, c, d, to) \
	VZIP1 c.S4, a.S4, a.S4; \
	VZIP1 d.S4, b.S4, b.S4; \
	VZIP1 b.S4, a.S4, to.S4

#define LANES(q) \
	EIGHT(q); \
	JOIN(V4, V6, V8, V10, V0); \
	JOIN(V5, V7, V9, V11, V1); \
	EIGHT(q+8); \
	JOIN(V4, V6, V8, V10, V2); \
	JOIN(V5, V7, V9, V11, V3)

#define COLUMNS(q) \
	EIGHT(q); \
	JOIN(V4, V5, V6, V7, V0); \
	JOIN(V8, V9, V10, V11, V1); \
	EIGHT(q+8); \
	JOIN(V4, V5, V6, V7, V2); \
	JOIN(V8, V9, V10, V11, V3)

#define COLUMN \
	MOVBU.P 1(ROW), R13; \
	MOVWU (TABLE)(R13<<2), R13

TEXT ·dot1x1BytesNEON(SB), NOSPLIT, $256-72
	DOT(DOT_GROUP1, DOT_SUM1)
	RET

TEXT ·dot1x2BytesNEON(SB), NOSPLIT, $256-72
	DOT(DOT_GROUP2, DOT_SUM2)
	RET

TEXT ·dot1x3BytesNEON(SB), NOSPLIT, $256-72
	DOT(DOT_GROUP3, DOT_SUM3)
	RET

TEXT ·dot1x4BytesNEON(SB), NOSPLIT, $256-72
	DOT(DOT_GROUP4, DOT_SUM4)
	RET

TEXT ·accumulate1BytesNEON(SB), NOSPLIT, $0-72
	ACCUMULATE1
	RET

TEXT ·accumulate2BytesNEON(SB), NOSPLIT, $0-72
	ACCUMULATE2
	RET

TEXT ·accumulate3BytesNEON(SB), NOSPLIT, $0-72
	ACCUMULATE3
	RET

TEXT ·accumulate4BytesNEON(SB), NOSPLIT, $0-72
	ACCUMULATE4
	RET

TEXT ·decodeLanesBytesNEON(SB), NOSPLIT, $256-40
	DECODE_LANES
	RET

TEXT ·decodeColumnsBytesNEON(SB), NOSPLIT, $0-40
	DECODE_COLUMNS
	RET
