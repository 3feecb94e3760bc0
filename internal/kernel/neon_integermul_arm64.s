//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_integer_arm64.h"

// Products in the integer canon with what every arm64 CPU has: one or two vectors of a panel. Two quads go together, as
// the sum of two products, at most 2·128·127, fits 16 bits. A sum of 32 bits is a row's even or odd columns: those of
// vector b, rows 2i and 2i+1, are in V(16+8b+i).

// ROWS4 adds the products of four rows, codes of two quads in registers a and b, with those in V8 and V9 to d and d+1.
#define ROWS4(a, b, d) \
	SMULL(8, a, 10); \
	SMULL2(8, a, 11); \
	SMLAL(9, b, 10); \
	SMLAL2(9, b, 11); \
	SADALP(10, d); \
	SADALP(11, d+1)

// VECTOR does it for all 16 rows and a vector, whose two quads lie at off from R7.
#define VECTOR(off, d) \
	FMOVS off(R7), F8; \
	FMOVS (off+4)(R7), F9; \
	VDUP V8.S[0], V8.S4; \
	VDUP V9.S[0], V9.S4; \
	ROWS4(0, 4, d); \
	ROWS4(1, 5, d+2); \
	ROWS4(2, 6, d+4); \
	ROWS4(3, 7, d+6)

// INTEGER_MUL is the body of a routine; the macros are for its number of vectors.
#define INTEGER_MUL(ZERO_SUMS, VECTORS, OUTPUTS) \
	INTEGER_ARGUMENTS; \
group: \
	ZERO_SUMS; \
	MOVD R2, R7; \
	MOVD $64, R8; \
quads: \
	VLD1.P 64(R4), [V0.B16, V1.B16, V2.B16, V3.B16]; \
	VLD1.P 64(R4), [V4.B16, V5.B16, V6.B16, V7.B16]; \
	Z(V0); \
	Z(V1); \
	Z(V2); \
	Z(V3); \
	Z(V4); \
	Z(V5); \
	Z(V6); \
	Z(V7); \
	VECTORS; \
	ADD $8, R7; \
	SUBS $8, R8; \
	BNE quads; \
	OUTPUTS_BEGIN; \
	OUTPUTS; \
	OUTPUTS_END; \
	SUBS $1, R5; \
	BNE group

#define ZERO_SUMS1 ZERO4(V16, V17, V18, V19); ZERO4(V20, V21, V22, V23)
#define ZERO_SUMS2 ZERO_SUMS1; ZERO4(V24, V25, V26, V27); ZERO4(V28, V29, V30, V31)

#define VECTORS1 VECTOR(0, 16)
#define VECTORS2 VECTORS1; VECTOR(64, 24)

#define OUTPUTS1 \
	VADDP V17.S4, V16.S4, V16.S4; \
	VADDP V19.S4, V18.S4, V17.S4; \
	VADDP V21.S4, V20.S4, V18.S4; \
	VADDP V23.S4, V22.S4, V19.S4; \
	OUTPUT(16, V16, V17, V18, V19)
#define OUTPUTS2 \
	OUTPUTS1; \
	VADDP V25.S4, V24.S4, V24.S4; \
	VADDP V27.S4, V26.S4, V25.S4; \
	VADDP V29.S4, V28.S4, V26.S4; \
	VADDP V31.S4, V30.S4, V27.S4; \
	OUTPUT(24, V24, V25, V26, V27)

TEXT ·integerDot1NEON(SB), NOSPLIT, $0-48
	INTEGER_MUL(ZERO_SUMS1, VECTORS1, OUTPUTS1)
	RET

TEXT ·integerDot2NEON(SB), NOSPLIT, $0-48
	INTEGER_MUL(ZERO_SUMS2, VECTORS2, OUTPUTS2)
	RET
