//go:build !noasm

#include "textflag.h"

// tile64: four rows by four, eight or twelve columns of float64. Sums of row i
// are in V(8+6i).., a line of b in V0..V5, an element of a twice in V6 or V7.

// TILE64 is the body of a tile64Func whose lines of b take bytes; the macros
// are those below. R6 goes down the rows of C, R7 down those of a.
#define TILE64(bytes, LOAD_B, LOAD, MULTIPLY, STORE) \
	MOVD c+0(FP), R0; \
	MOVD ldc+8(FP), R1; \
	MOVD a+16(FP), R2; \
	MOVD lda+24(FP), R3; \
	MOVD step+32(FP), R8; \
	MOVD b+40(FP), R4; \
	MOVD steps+48(FP), R5; \
	MOVD R0, R6; \
	LOAD(V8, V9, V10, V11, V12, V13); \
	LOAD(V14, V15, V16, V17, V18, V19); \
	LOAD(V20, V21, V22, V23, V24, V25); \
	LOAD(V26, V27, V28, V29, V30, V31); \
loop: \
	LOAD_B; \
	MOVD R2, R7; \
	MULTIPLY(V6, V8, V9, V10, V11, V12, V13); \
	MULTIPLY(V7, V14, V15, V16, V17, V18, V19); \
	MULTIPLY(V6, V20, V21, V22, V23, V24, V25); \
	MULTIPLY(V7, V26, V27, V28, V29, V30, V31); \
	ADD R8, R2; \
	ADD $bytes, R4; \
	SUBS $1, R5; \
	BNE loop; \
	MOVD R0, R6; \
	STORE(V8, V9, V10, V11, V12, V13); \
	STORE(V14, V15, V16, V17, V18, V19); \
	STORE(V20, V21, V22, V23, V24, V25); \
	STORE(V26, V27, V28, V29, V30, V31)

#define LOAD_B1 \
	FLDPQ (R4), (F0, F1)
#define LOAD_B2 \
	LOAD_B1; \
	FLDPQ 32(R4), (F2, F3)
#define LOAD_B3 \
	LOAD_B2; \
	FLDPQ 64(R4), (F4, F5)

#define LOAD1(s0, s1, s2, s3, s4, s5) \
	VLD1 (R6), [s0.D2, s1.D2]; \
	ADD R1, R6
#define LOAD2(s0, s1, s2, s3, s4, s5) \
	VLD1 (R6), [s0.D2, s1.D2, s2.D2, s3.D2]; \
	ADD R1, R6
#define LOAD3(s0, s1, s2, s3, s4, s5) \
	ADD $64, R6, R9; \
	VLD1 (R9), [s4.D2, s5.D2]; \
	LOAD2(s0, s1, s2, s3, s4, s5)

#define STORE1(s0, s1, s2, s3, s4, s5) \
	VST1 [s0.D2, s1.D2], (R6); \
	ADD R1, R6
#define STORE2(s0, s1, s2, s3, s4, s5) \
	VST1 [s0.D2, s1.D2, s2.D2, s3.D2], (R6); \
	ADD R1, R6
#define STORE3(s0, s1, s2, s3, s4, s5) \
	ADD $64, R6, R9; \
	VST1 [s4.D2, s5.D2], (R9); \
	STORE2(s0, s1, s2, s3, s4, s5)

#define MULTIPLY1(a, s0, s1, s2, s3, s4, s5) \
	VLD1R (R7), [a.D2]; \
	ADD R3, R7; \
	VFMLA a.D2, V0.D2, s0.D2; \
	VFMLA a.D2, V1.D2, s1.D2
#define MULTIPLY2(a, s0, s1, s2, s3, s4, s5) \
	MULTIPLY1(a, s0, s1, s2, s3, s4, s5); \
	VFMLA a.D2, V2.D2, s2.D2; \
	VFMLA a.D2, V3.D2, s3.D2
#define MULTIPLY3(a, s0, s1, s2, s3, s4, s5) \
	MULTIPLY2(a, s0, s1, s2, s3, s4, s5); \
	VFMLA a.D2, V4.D2, s4.D2; \
	VFMLA a.D2, V5.D2, s5.D2

TEXT ·tile64x1NEON(SB), NOSPLIT, $0-56
	TILE64(32, LOAD_B1, LOAD1, MULTIPLY1, STORE1)
	RET

TEXT ·tile64x2NEON(SB), NOSPLIT, $0-56
	TILE64(64, LOAD_B2, LOAD2, MULTIPLY2, STORE2)
	RET

TEXT ·tile64x3NEON(SB), NOSPLIT, $0-56
	TILE64(96, LOAD_B3, LOAD3, MULTIPLY3, STORE3)
	RET
