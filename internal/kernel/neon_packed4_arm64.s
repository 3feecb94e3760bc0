//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_strips_arm64.h"

// Indices of 4 bits: a byte plane of the codebook is one register.

#define GROUP 128
#define MASK VMOVI $15, V6.B16

#define INDEX0(q) FMOVQ (q)(ROW), F4; VAND V6.B16, V4.B16, V4.B16
#define INDEX1(q) FMOVQ (q)(ROW), F4; VUSHR $4, V4.B16, V4.B16
#define INDEX2(q) INDEX0(64+q)
#define INDEX3(q) INDEX1(64+q)

// Codebooks of bfloat16: the upper two planes.

#define TABLES \
	ZERO(V7); \
	FMOVQ PLANE(3)(TABLE), F8; \
	FMOVQ PLANE(2)(TABLE), F9

#define LOOKUP(FIRST, SECOND) \
	VTBL V4.B16, [V8.B16], V0.B16; \
	VTBL V4.B16, [V9.B16], V1.B16; \
	JOIN_BF16(FIRST, SECOND)

TEXT ·dot4x1Packed4BF16NEON(SB), NOSPLIT, $256-72
	DOT(DOT_WIDE, KEEP_WIDE, 2, 1, buffer-256(SP))
	RET

TEXT ·dot4x2Packed4BF16NEON(SB), NOSPLIT, $512-72
	DOT(DOT_PAIR, KEEP_PAIR, 1, 2, buffer-512(SP))
	RET

TEXT ·accumulate1Packed4BF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE1
	RET

TEXT ·accumulate2Packed4BF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE2
	RET

TEXT ·accumulate3Packed4BF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE3
	RET

TEXT ·accumulate4Packed4BF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE4
	RET

TEXT ·decodeLanesPacked4BF16NEON(SB), NOSPLIT, $0-40
	DECODE_LANES
	RET

TEXT ·decodeColumnsPacked4BF16NEON(SB), NOSPLIT, $0-40
	DECODE_COLUMNS
	RET

// Codebooks of float32: four planes.

#undef TABLES
#undef LOOKUP

#define TABLES \
	FMOVQ PLANE(3)(TABLE), F8; \
	FMOVQ PLANE(2)(TABLE), F9; \
	FMOVQ PLANE(1)(TABLE), F10; \
	FMOVQ PLANE(0)(TABLE), F11

#define LOOKUP(FIRST, SECOND) \
	VTBL V4.B16, [V8.B16], V0.B16; \
	VTBL V4.B16, [V9.B16], V1.B16; \
	VTBL V4.B16, [V10.B16], V2.B16; \
	VTBL V4.B16, [V11.B16], V3.B16; \
	JOIN_F32(FIRST, SECOND)

TEXT ·dot4x1Packed4F32NEON(SB), NOSPLIT, $256-72
	DOT(DOT_WIDE, KEEP_WIDE, 2, 1, buffer-256(SP))
	RET

TEXT ·dot4x2Packed4F32NEON(SB), NOSPLIT, $512-72
	DOT(DOT_PAIR, KEEP_PAIR, 1, 2, buffer-512(SP))
	RET

TEXT ·accumulate1Packed4F32NEON(SB), NOSPLIT, $0-72
	ACCUMULATE1
	RET

TEXT ·accumulate2Packed4F32NEON(SB), NOSPLIT, $0-72
	ACCUMULATE2
	RET

TEXT ·accumulate3Packed4F32NEON(SB), NOSPLIT, $0-72
	ACCUMULATE3
	RET

TEXT ·accumulate4Packed4F32NEON(SB), NOSPLIT, $0-72
	ACCUMULATE4
	RET

TEXT ·decodeLanesPacked4F32NEON(SB), NOSPLIT, $0-40
	DECODE_LANES
	RET

TEXT ·decodeColumnsPacked4F32NEON(SB), NOSPLIT, $0-40
	DECODE_COLUMNS
	RET
