//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_rows_arm64.h"

// A matrix of bfloat16, the upper halves of float32: joined with halves of zeros
// (V11), the even and the odd ones or the lower and the upper ones.

#define GROUP 128
#define SETUP ZERO(V11)

#define JOIN(FIRST, SECOND, q) \
	FLDPQ (2*(q))(ROW), (F4, F5); \
	FIRST V4.H8, V11.H8, V0.H8; \
	SECOND V4.H8, V11.H8, V1.H8; \
	FIRST V5.H8, V11.H8, V2.H8; \
	SECOND V5.H8, V11.H8, V3.H8

#define LANES(q) JOIN(VTRN1, VTRN2, q)
#define COLUMNS(q) JOIN(VZIP1, VZIP2, q)

#define COLUMN \
	MOVHU.P 2(ROW), R13; \
	LSL $16, R13

TEXT ·dot1x1DenseBF16NEON(SB), NOSPLIT, $256-72
	DOT(DOT_GROUP1, DOT_SUM1)
	RET

TEXT ·dot1x2DenseBF16NEON(SB), NOSPLIT, $256-72
	DOT(DOT_GROUP2, DOT_SUM2)
	RET

TEXT ·dot1x3DenseBF16NEON(SB), NOSPLIT, $256-72
	DOT(DOT_GROUP3, DOT_SUM3)
	RET

TEXT ·dot1x4DenseBF16NEON(SB), NOSPLIT, $256-72
	DOT(DOT_GROUP4, DOT_SUM4)
	RET

TEXT ·accumulate1DenseBF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE1
	RET

TEXT ·accumulate2DenseBF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE2
	RET

TEXT ·accumulate3DenseBF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE3
	RET

TEXT ·accumulate4DenseBF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE4
	RET

TEXT ·decodeLanesDenseBF16NEON(SB), NOSPLIT, $256-40
	DECODE_LANES
	RET

TEXT ·decodeColumnsDenseBF16NEON(SB), NOSPLIT, $0-40
	DECODE_COLUMNS
	RET
