//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_integer_arm64.h"

// Products in the integer canon with the matrix instructions (FEAT_I8MM): two to six vectors of a panel, in pairs. Codes are unsigned,
// so sums begin with biases. Those of pair p, rows 2i and 2i+1, are in V(8+8p+i): a row with both vectors, then the other.
//
//	R0, R4, R5     y, codes, groups left
//	R2, R3         values and biases of the first vector
//	R12, R6        how far scales lie behind biases, bytes to the next group of the panel
//	R7 .. R11, R13 values of the vectors, R14 columns left
//	R15, R19       scales and outputs of the vectors
//	V0..V3         codes; V5..V7 values, a pair each

// USMMLA Vd.4S, Vn.16B, Vm.16B; UZP1 and UZP2 Vd.4S, Vn.4S, Vm.4S
#define USMMLA(m, n, d) WORD $(0x4E80AC00 | (m)<<16 | (n)<<5 | (d))
#define UZP1(m, n, d) WORD $(0x4E801800 | (m)<<16 | (n)<<5 | (d))
#define UZP2(m, n, d) WORD $(0x4E805800 | (m)<<16 | (n)<<5 | (d))

#define INTEGER_MATRIX(BIASES, VALUES, MULTIPLY, OUTPUTS) \
	MOVD y+0(FP), R0; \
	MOVD values+8(FP), R2; \
	MOVD biases+16(FP), R3; \
	MOVD width+24(FP), R12; \
	MOVD codes+32(FP), R4; \
	MOVD groups+40(FP), R5; \
	ADD R12<<3, R12, R6; \
	ADD R6, R6; \
group: \
	MOVD R3, R15; \
	BIASES; \
	MOVD R2, R7; \
	ADD $64, R2, R8; \
	ADD $128, R2, R9; \
	ADD $192, R2, R10; \
	ADD $256, R2, R11; \
	ADD $320, R2, R13; \
	MOVD $64, R14; \
columns: \
	VALUES; \
	ROWS(0, MULTIPLY); \
	ROWS(1, MULTIPLY); \
	ROWS(2, MULTIPLY); \
	ROWS(3, MULTIPLY); \
	ADD $128, R4; \
	SUBS $8, R14; \
	BNE columns; \
	ADD R12, R3, R15; \
	MOVD R0, R19; \
	OUTPUTS; \
	ADD R6, R2; \
	ADD R6, R3; \
	SUBS $1, R5; \
	BNE group

// BIAS sets the eight sums of a pair.
#define BIAS(a, b, c, d, e, f, g, h) \
	VLD1R.P 8(R15), [a.D2]; \
	VMOV a.B16, b.B16; \
	VMOV a.B16, c.B16; \
	VMOV a.B16, d.B16; \
	VMOV a.B16, e.B16; \
	VMOV a.B16, f.B16; \
	VMOV a.B16, g.B16; \
	VMOV a.B16, h.B16
#define BIASES1 BIAS(V8, V9, V10, V11, V12, V13, V14, V15)
#define BIASES2 BIASES1; BIAS(V16, V17, V18, V19, V20, V21, V22, V23)
#define BIASES3 BIASES2; BIAS(V24, V25, V26, V27, V28, V29, V30, V31)

// PAIR loads eight columns of two vectors, ONE of one.
#define PAIR(p, q, f, v) \
	FMOVD.P 8(p), f; \
	VLD1.P 8(q), v.D[1]
#define ONE(p, f) FMOVD.P 8(p), f
#define VALUES2 PAIR(R7, R8, F5, V5)
#define VALUES3 VALUES2; ONE(R9, F6)
#define VALUES4 VALUES2; PAIR(R9, R10, F6, V6)
#define VALUES5 VALUES4; ONE(R11, F7)
#define VALUES6 VALUES4; PAIR(R11, R13, F7, V7)

// ROWS makes of four rows and two quads pairs of rows, eight columns each.
#define ROWS(i, MULTIPLY) \
	FMOVQ (16*(i))(R4), F0; \
	FMOVQ (64+16*(i))(R4), F1; \
	VZIP1 V1.S4, V0.S4, V2.S4; \
	VZIP2 V1.S4, V0.S4, V3.S4; \
	MULTIPLY(2*(i))
#define MULTIPLY1(i) USMMLA(5, 2, 8+(i)); USMMLA(5, 3, 9+(i))
#define MULTIPLY2(i) MULTIPLY1(i); USMMLA(6, 2, 16+(i)); USMMLA(6, 3, 17+(i))
#define MULTIPLY3(i) MULTIPLY2(i); USMMLA(7, 2, 24+(i)); USMMLA(7, 3, 25+(i))

// FIRST_ROWS adds four rows' sums of a pair's first vector, in registers n and n+1, times its scale to its outputs, SECOND_ROWS those of the
// second.
#define FIRST_ROWS(i, n) \
	UZP1(n+1, n, 0); \
	SCVTF(0, 0); \
	FMOVQ (16*(i))(R19), F2; \
	VFMLA V4.S4, V0.S4, V2.S4; \
	FMOVQ F2, (16*(i))(R19)
#define SECOND_ROWS(i, n) \
	UZP2(n+1, n, 1); \
	SCVTF(1, 1); \
	FMOVQ (64+16*(i))(R19), F3; \
	VFMLA V5.S4, V1.S4, V3.S4; \
	FMOVQ F3, (64+16*(i))(R19)
#define OUTPUT_ONE(n) \
	VLD1R.P 4(R15), [V4.S4]; \
	FIRST_ROWS(0, n); \
	FIRST_ROWS(1, n+2); \
	FIRST_ROWS(2, n+4); \
	FIRST_ROWS(3, n+6)
#define OUTPUT_PAIR(n) \
	OUTPUT_ONE(n); \
	VLD1R.P 4(R15), [V5.S4]; \
	SECOND_ROWS(0, n); \
	SECOND_ROWS(1, n+2); \
	SECOND_ROWS(2, n+4); \
	SECOND_ROWS(3, n+6); \
	ADD $128, R19
#define OUTPUTS2 OUTPUT_PAIR(8)
#define OUTPUTS3 OUTPUTS2; OUTPUT_ONE(16)
#define OUTPUTS4 OUTPUTS2; OUTPUT_PAIR(16)
#define OUTPUTS5 OUTPUTS4; OUTPUT_ONE(24)
#define OUTPUTS6 OUTPUTS4; OUTPUT_PAIR(24)

TEXT ·integerDot2I8MM(SB), NOSPLIT, $0-48
	INTEGER_MATRIX(BIASES1, VALUES2, MULTIPLY1, OUTPUTS2)
	RET

TEXT ·integerDot3I8MM(SB), NOSPLIT, $0-48
	INTEGER_MATRIX(BIASES2, VALUES3, MULTIPLY2, OUTPUTS3)
	RET

TEXT ·integerDot4I8MM(SB), NOSPLIT, $0-48
	INTEGER_MATRIX(BIASES2, VALUES4, MULTIPLY2, OUTPUTS4)
	RET

TEXT ·integerDot5I8MM(SB), NOSPLIT, $0-48
	INTEGER_MATRIX(BIASES3, VALUES5, MULTIPLY3, OUTPUTS5)
	RET

TEXT ·integerDot6I8MM(SB), NOSPLIT, $0-48
	INTEGER_MATRIX(BIASES3, VALUES6, MULTIPLY3, OUTPUTS6)
	RET
