//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_strips_arm64.h"

// Indices of 6 bits: a byte plane of the codebook is four registers.

#define GROUP 192
#define MASK VMOVI $63, V6.B16

// The upper two bits are shifted into place and inserted above the lower four;
// what is left of the neighbours above is masked.
#define INDEX0(q) \
	FMOVQ (q)(ROW), F4; \
	FMOVQ (128+q)(ROW), F5; \
	VSLI $4, V5.B16, V4.B16; \
	VAND V6.B16, V4.B16, V4.B16

#define INDEX1(q) \
	FMOVQ (q)(ROW), F4; \
	FMOVQ (128+q)(ROW), F5; \
	VUSHR $4, V4.B16, V4.B16; \
	VUSHR $2, V5.B16, V5.B16; \
	VSLI $4, V5.B16, V4.B16; \
	VAND V6.B16, V4.B16, V4.B16

#define INDEX2(q) \
	FMOVQ (64+q)(ROW), F4; \
	FMOVQ (128+q)(ROW), F5; \
	VUSHR $4, V5.B16, V5.B16; \
	VSLI $4, V5.B16, V4.B16; \
	VAND V6.B16, V4.B16, V4.B16

#define INDEX3(q) \
	FMOVQ (64+q)(ROW), F4; \
	FMOVQ (128+q)(ROW), F5; \
	VUSHR $4, V4.B16, V4.B16; \
	VUSHR $6, V5.B16, V5.B16; \
	VSLI $4, V5.B16, V4.B16

// LOAD_PLANE loads 64 entries of plane p.
#define LOAD_PLANE(p, a, b, c, d) \
	ADD $PLANE(p), TABLE, R20; \
	VLD1 (R20), [a.B16, b.B16, c.B16, d.B16]

// Codebooks of bfloat16: the upper two planes.

#define TABLES \
	ZERO(V7); \
	LOAD_PLANE(3, V8, V9, V10, V11); \
	LOAD_PLANE(2, V12, V13, V14, V15)

#define LOOKUP(FIRST, SECOND) \
	VTBL V4.B16, [V8.B16, V9.B16, V10.B16, V11.B16], V0.B16; \
	VTBL V4.B16, [V12.B16, V13.B16, V14.B16, V15.B16], V1.B16; \
	JOIN_BF16(FIRST, SECOND)

TEXT ·dot4x1Packed6BF16NEON(SB), NOSPLIT, $256-72
	DOT(DOT_WIDE, KEEP_WIDE, 2, 1, buffer-256(SP))
	RET

TEXT ·dot4x2Packed6BF16NEON(SB), NOSPLIT, $512-72
	DOT(DOT_PAIR, KEEP_PAIR, 1, 2, buffer-512(SP))
	RET

TEXT ·accumulate1Packed6BF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE1
	RET

TEXT ·accumulate2Packed6BF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE2
	RET

TEXT ·accumulate3Packed6BF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE3
	RET

TEXT ·accumulate4Packed6BF16NEON(SB), NOSPLIT, $0-72
	ACCUMULATE4
	RET

TEXT ·decodeLanesPacked6BF16NEON(SB), NOSPLIT, $0-40
	DECODE_LANES
	RET

TEXT ·decodeColumnsPacked6BF16NEON(SB), NOSPLIT, $0-40
	DECODE_COLUMNS
	RET

// Codebooks of float32: four planes, which leave room for eight sums.

#undef TABLES
#undef LOOKUP

#define TABLES \
	LOAD_PLANE(3, V8, V9, V10, V11); \
	LOAD_PLANE(2, V12, V13, V14, V15); \
	LOAD_PLANE(1, V16, V17, V18, V19); \
	LOAD_PLANE(0, V20, V21, V22, V23)

#define LOOKUP(FIRST, SECOND) \
	VTBL V4.B16, [V8.B16, V9.B16, V10.B16, V11.B16], V0.B16; \
	VTBL V4.B16, [V12.B16, V13.B16, V14.B16, V15.B16], V1.B16; \
	VTBL V4.B16, [V16.B16, V17.B16, V18.B16, V19.B16], V2.B16; \
	VTBL V4.B16, [V20.B16, V21.B16, V22.B16, V23.B16], V3.B16; \
	JOIN_F32(FIRST, SECOND)

#define ADD_ROW32(INDEX) \
	COLUMNS(INDEX, 0); \
	SCALE_BY(R4, V24, V25, V26, V27); \
	COLUMNS(INDEX, 16); \
	SCALE_BY(R4, V28, V29, V30, V31)

#define LOAD_SUMS32 \
	MOVD R0, R14; \
	VLD1.P 64(R14), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	VLD1 (R14), [V28.S4, V29.S4, V30.S4, V31.S4]

#define STORE_SUMS32 \
	CANONICAL4(24, V24, V25, V26, V27); \
	CANONICAL4(28, V28, V29, V30, V31); \
	MOVD R0, R14; \
	VST1.P [V24.S4, V25.S4, V26.S4, V27.S4], 64(R14); \
	VST1 [V28.S4, V29.S4, V30.S4, V31.S4], (R14)

#define ADD_ROW16(INDEX) \
	COLUMNS(INDEX, 0); \
	SCALE_BY(R4, V24, V25, V26, V27); \
	SCALE_BY(R5, V28, V29, V30, V31)

#define LOAD_SUMS16 \
	VLD1 (R0), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	ADD R1, R0, R14; \
	VLD1 (R14), [V28.S4, V29.S4, V30.S4, V31.S4]

#define STORE_SUMS16 \
	CANONICAL4(24, V24, V25, V26, V27); \
	CANONICAL4(28, V28, V29, V30, V31); \
	VST1 [V24.S4, V25.S4, V26.S4, V27.S4], (R0); \
	ADD R1, R0, R14; \
	VST1 [V28.S4, V29.S4, V30.S4, V31.S4], (R14)

TEXT ·dot4x1Packed6F32NEON(SB), NOSPLIT, $256-72
	DOT(DOT_NARROW, KEEP_NARROW, 1, 1, buffer-256(SP))
	RET

TEXT ·accumulate1Packed6F32NEON(SB), NOSPLIT, $0-72
	ACCUMULATE(ADD_ROW32, 5, LOAD_SUMS32, STORE_SUMS32)
	RET

TEXT ·accumulate2Packed6F32NEON(SB), NOSPLIT, $0-72
	ACCUMULATE(ADD_ROW16, 4, LOAD_SUMS16, STORE_SUMS16)
	RET

TEXT ·decodeLanesPacked6F32NEON(SB), NOSPLIT, $0-40
	DECODE_LANES
	RET

TEXT ·decodeColumnsPacked6F32NEON(SB), NOSPLIT, $0-40
	DECODE_COLUMNS
	RET
