//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_integer_arm64.h"

// Products in the integer canon with the dot-product instructions (FEAT_DotProd): one to four vectors of a panel.
// Sums of vector b are in V(16+4b).. .

// SDOT4 adds the products of a line with a vector, whose quad is element i of register m.
#define SDOT4(m, i, d) \
	SDOT(m, i, 0, d); \
	SDOT(m, i, 1, d+1); \
	SDOT(m, i, 2, d+2); \
	SDOT(m, i, 3, d+3)

// QUAD multiplies quad i of the four at hand.
#define QUAD(i, MULTIPLY) \
	VLD1.P 64(R4), [V0.B16, V1.B16, V2.B16, V3.B16]; \
	Z(V0); \
	Z(V1); \
	Z(V2); \
	Z(V3); \
	MULTIPLY(i)

// INTEGER_SDOT is the body of a routine; the macros are for its number of vectors.
#define INTEGER_SDOT(ZERO_SUMS, LOAD, MULTIPLY, OUTPUTS) \
	INTEGER_ARGUMENTS; \
group: \
	ZERO_SUMS; \
	MOVD R2, R7; \
	MOVD $64, R8; \
quads: \
	LOAD; \
	QUAD(0, MULTIPLY); \
	QUAD(1, MULTIPLY); \
	QUAD(2, MULTIPLY); \
	QUAD(3, MULTIPLY); \
	ADD $16, R7; \
	SUBS $16, R8; \
	BNE quads; \
	OUTPUTS_BEGIN; \
	OUTPUTS; \
	OUTPUTS_END; \
	SUBS $1, R5; \
	BNE group

#define ZERO_SUMS1 ZERO4(V16, V17, V18, V19)
#define ZERO_SUMS2 ZERO_SUMS1; ZERO4(V20, V21, V22, V23)
#define ZERO_SUMS3 ZERO_SUMS2; ZERO4(V24, V25, V26, V27)
#define ZERO_SUMS4 ZERO_SUMS3; ZERO4(V28, V29, V30, V31)

// Values of vector b, four quads of them, are in V(4+b).
#define LOAD1 FMOVQ (R7), F4
#define LOAD2 LOAD1; FMOVQ 64(R7), F5
#define LOAD3 LOAD2; FMOVQ 128(R7), F6
#define LOAD4 LOAD3; FMOVQ 192(R7), F7

#define MULTIPLY1(i) SDOT4(4, i, 16)
#define MULTIPLY2(i) MULTIPLY1(i); SDOT4(5, i, 20)
#define MULTIPLY3(i) MULTIPLY2(i); SDOT4(6, i, 24)
#define MULTIPLY4(i) MULTIPLY3(i); SDOT4(7, i, 28)

#define OUTPUTS1 OUTPUT(16, V16, V17, V18, V19)
#define OUTPUTS2 OUTPUTS1; OUTPUT(20, V20, V21, V22, V23)
#define OUTPUTS3 OUTPUTS2; OUTPUT(24, V24, V25, V26, V27)
#define OUTPUTS4 OUTPUTS3; OUTPUT(28, V28, V29, V30, V31)

TEXT ·integerDot1SDOT(SB), NOSPLIT, $0-48
	INTEGER_SDOT(ZERO_SUMS1, LOAD1, MULTIPLY1, OUTPUTS1)
	RET

TEXT ·integerDot2SDOT(SB), NOSPLIT, $0-48
	INTEGER_SDOT(ZERO_SUMS2, LOAD2, MULTIPLY2, OUTPUTS2)
	RET

TEXT ·integerDot3SDOT(SB), NOSPLIT, $0-48
	INTEGER_SDOT(ZERO_SUMS3, LOAD3, MULTIPLY3, OUTPUTS3)
	RET

TEXT ·integerDot4SDOT(SB), NOSPLIT, $0-48
	INTEGER_SDOT(ZERO_SUMS4, LOAD4, MULTIPLY4, OUTPUTS4)
	RET
