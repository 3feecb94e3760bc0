//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// gemm: four rows by up to six vectors, one quad of lanes in each of four
// passes: sum of row r and vector b in V(8+6r+b), weights in V0..V3.

// GEMM(n, ...) is the body of a gemmFunc for n vectors; the macros are those
// below for n vectors.
#define GEMM(n, LOAD, MULTIPLY, STORE) \
	MOVD sums+0(FP), R0; \
	MOVD x+8(FP), R1; \
	MOVD w+16(FP), R2; \
	MOVD steps+24(FP), R3; \
	MOVD $4, R4; \
pass: \
	LOAD(n); \
	MOVD R1, R5; \
	MOVD R2, R6; \
	MOVD R3, R7; \
loop: \
	FMOVQ (R6), F0; \
	FMOVQ 64(R6), F1; \
	FMOVQ 128(R6), F2; \
	FMOVQ 192(R6), F3; \
	MULTIPLY; \
	ADD $256, R6; \
	ADD $(64*n), R5; \
	SUBS $1, R7; \
	BNE loop; \
	STORE(n); \
	ADD $16, R0; \
	ADD $16, R1; \
	ADD $16, R2; \
	SUBS $1, R4; \
	BNE pass

// For vector b of n, sums in r0..r3.
#define LOAD_VECTOR(n, b, r0, r1, r2, r3) \
	FMOVQ (64*(b))(R0), r0; \
	FMOVQ (64*(n+b))(R0), r1; \
	FMOVQ (64*(2*n+b))(R0), r2; \
	FMOVQ (64*(3*n+b))(R0), r3

#define STORE_VECTOR(n, b, r0, r1, r2, r3) \
	FMOVQ r0, (64*(b))(R0); \
	FMOVQ r1, (64*(n+b))(R0); \
	FMOVQ r2, (64*(2*n+b))(R0); \
	FMOVQ r3, (64*(3*n+b))(R0)

#define MULTIPLY_VECTOR(b, x, v, r0, r1, r2, r3) \
	FMOVQ (64*b)(R5), x; \
	VFMLA v.S4, V0.S4, r0.S4; \
	VFMLA v.S4, V1.S4, r1.S4; \
	VFMLA v.S4, V2.S4, r2.S4; \
	VFMLA v.S4, V3.S4, r3.S4

#define LOAD1(n) LOAD_VECTOR(n, 0, F8, F14, F20, F26)
#define LOAD2(n) LOAD1(n); LOAD_VECTOR(n, 1, F9, F15, F21, F27)
#define LOAD3(n) LOAD2(n); LOAD_VECTOR(n, 2, F10, F16, F22, F28)
#define LOAD4(n) LOAD3(n); LOAD_VECTOR(n, 3, F11, F17, F23, F29)
#define LOAD5(n) LOAD4(n); LOAD_VECTOR(n, 4, F12, F18, F24, F30)
#define LOAD6(n) LOAD5(n); LOAD_VECTOR(n, 5, F13, F19, F25, F31)

#define MULTIPLY1 MULTIPLY_VECTOR(0, F4, V4, V8, V14, V20, V26)
#define MULTIPLY2 MULTIPLY1; MULTIPLY_VECTOR(1, F5, V5, V9, V15, V21, V27)
#define MULTIPLY3 MULTIPLY2; MULTIPLY_VECTOR(2, F6, V6, V10, V16, V22, V28)
#define MULTIPLY4 MULTIPLY3; MULTIPLY_VECTOR(3, F7, V7, V11, V17, V23, V29)
#define MULTIPLY5 MULTIPLY4; MULTIPLY_VECTOR(4, F4, V4, V12, V18, V24, V30)
#define MULTIPLY6 MULTIPLY5; MULTIPLY_VECTOR(5, F5, V5, V13, V19, V25, V31)

#define STORE1(n) STORE_VECTOR(n, 0, F8, F14, F20, F26)
#define STORE2(n) STORE1(n); STORE_VECTOR(n, 1, F9, F15, F21, F27)
#define STORE3(n) STORE2(n); STORE_VECTOR(n, 2, F10, F16, F22, F28)
#define STORE4(n) STORE3(n); STORE_VECTOR(n, 3, F11, F17, F23, F29)
#define STORE5(n) STORE4(n); STORE_VECTOR(n, 4, F12, F18, F24, F30)
#define STORE6(n) STORE5(n); STORE_VECTOR(n, 5, F13, F19, F25, F31)

TEXT ·gemm4x1NEON(SB), NOSPLIT, $0-32
	GEMM(1, LOAD1, MULTIPLY1, STORE1)
	RET

TEXT ·gemm4x2NEON(SB), NOSPLIT, $0-32
	GEMM(2, LOAD2, MULTIPLY2, STORE2)
	RET

TEXT ·gemm4x3NEON(SB), NOSPLIT, $0-32
	GEMM(3, LOAD3, MULTIPLY3, STORE3)
	RET

TEXT ·gemm4x4NEON(SB), NOSPLIT, $0-32
	GEMM(4, LOAD4, MULTIPLY4, STORE4)
	RET

TEXT ·gemm4x5NEON(SB), NOSPLIT, $0-32
	GEMM(5, LOAD5, MULTIPLY5, STORE5)
	RET

TEXT ·gemm4x6NEON(SB), NOSPLIT, $0-32
	GEMM(6, LOAD6, MULTIPLY6, STORE6)
	RET
