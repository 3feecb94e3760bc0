//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// Whole groups of a vector are rounded to int8 as the integer canon says.
//
//	R0, R1, R2   values, biases, how far scales lie behind these
//	R3, R4, R5   the vector, places and steps of its columns
//	R6, R7       groups left, bytes to the next of the panel
//	V16..V31     the group

// FMULE is FMUL Vd.4S, Vn.4S, Vm.S[0]; FCVTNS Vd.4S, Vn.4S; UMAXV Sd, Vn.4S
#define FMULE(m, n, d) WORD $(0x4F809000 | (m)<<16 | (n)<<5 | (d))
#define FCVTNS(n, d) WORD $(0x4E21A800 | (n)<<5 | (d))
#define UMAXV(n, d) WORD $(0x6EB0A800 | (n)<<5 | (d))

// SADDLP8 and SADALP8 are SADDLP and SADALP Vd.8H, Vn.16B; SADDLV8 is SADDLV Sd, Vn.8H.
#define SADDLP8(n, d) WORD $(0x4E202800 | (n)<<5 | (d))
#define SADALP8(n, d) WORD $(0x4E206800 | (n)<<5 | (d))
#define SADDLV8(n, d) WORD $(0x4E703800 | (n)<<5 | (d))

#define PLACES16 \
	MOVD.P 8(R4), R11; \
	AND $0xFFFF, R11, R8; \
	UBFX $16, R11, $16, R9; \
	UBFX $32, R11, $16, R10; \
	LSR $48, R11
#define PLACES32 \
	MOVD.P 8(R4), R9; \
	MOVD.P 8(R4), R11; \
	MOVWU R9, R8; \
	LSR $32, R9; \
	MOVWU R11, R10; \
	LSR $32, R11

// GATHER loads four columns.
#define GATHER(PLACES, f, v) \
	PLACES; \
	FMOVS (R3)(R8<<2), f; \
	ADD R9<<2, R3, R9; \
	ADD R10<<2, R3, R10; \
	ADD R11<<2, R3, R11; \
	VLD1 (R9), v.S[1]; \
	VLD1 (R10), v.S[2]; \
	VLD1 (R11), v.S[3]

// STEPS16 and STEPS32 load eight steps to V0 and V1; V5 is zero.
#define STEPS16 \
	FMOVQ.P 16(R5), F2; \
	VZIP1 V2.H8, V5.H8, V0.H8; \
	VZIP2 V2.H8, V5.H8, V1.H8
#define STEPS32 VLD1.P 32(R5), [V0.S4, V1.S4]

// EIGHT loads columns to registers n and n+1, times their steps, and takes their sizes to V3.
#define EIGHT(PLACES, STEPS, n, f, v, g, w) \
	GATHER(PLACES, f, v); \
	GATHER(PLACES, g, w); \
	STEPS; \
	FMUL(0, n, n); \
	FMUL(1, n+1, n+1); \
	VAND V4.B16, v.B16, V0.B16; \
	VAND V4.B16, w.B16, V1.B16; \
	VUMAX V0.S4, V3.S4, V3.S4; \
	VUMAX V1.S4, V3.S4, V3.S4

// ROUND makes sixteen columns in registers from n on, the first of which is a, integers in that one.
#define ROUND(n, a, b, c, d) \
	FMULE(0, n, n); \
	FMULE(0, n+1, n+1); \
	FMULE(0, n+2, n+2); \
	FMULE(0, n+3, n+3); \
	FCVTNS(n, n); \
	FCVTNS(n+1, n+1); \
	FCVTNS(n+2, n+2); \
	FCVTNS(n+3, n+3); \
	VUZP1 b.H8, a.H8, a.H8; \
	VUZP1 d.H8, c.H8, c.H8; \
	VUZP1 c.B16, a.B16, a.B16

#define QUANTIZE(PLACES, STEPS) \
	MOVD values+0(FP), R0; \
	MOVD biases+8(FP), R1; \
	MOVD width+16(FP), R2; \
	MOVD x+24(FP), R3; \
	MOVD places+32(FP), R4; \
	MOVD steps+40(FP), R5; \
	MOVD groups+48(FP), R6; \
	ADD R2<<3, R2, R7; \
	ADD R7, R7; \
	MOVD $0x7FFFFFFF, R8; \
	VDUP R8, V4.S4; \
	ZERO(V5); \
	MOVD $0x0D800000, R12; /* 2^-100 */ \
	MOVD $0x7F800000, R13; \
	MOVD $0x7FC00000, R14; \
	MOVD $0x42FE0000, R15; \
	FMOVS R15, F6; /* 127 */ \
group: \
	ZERO(V3); \
	EIGHT(PLACES, STEPS, 16, F16, V16, F17, V17); \
	EIGHT(PLACES, STEPS, 18, F18, V18, F19, V19); \
	EIGHT(PLACES, STEPS, 20, F20, V20, F21, V21); \
	EIGHT(PLACES, STEPS, 22, F22, V22, F23, V23); \
	EIGHT(PLACES, STEPS, 24, F24, V24, F25, V25); \
	EIGHT(PLACES, STEPS, 26, F26, V26, F27, V27); \
	EIGHT(PLACES, STEPS, 28, F28, V28, F29, V29); \
	EIGHT(PLACES, STEPS, 30, F30, V30, F31, V31); \
	UMAXV(3, 3); \
	FMOVS F3, R8; \
	MOVD R14, R9; \
	CMPW R13, R8; \
	BHS zeros; \
	MOVD $0, R9; \
	CMPW R12, R8; \
	BLO zeros; \
	FDIVS F3, F6, F0; \
	FDIVS F6, F3, F1; \
	FMOVS F1, R9; \
	ROUND(16, V16, V17, V18, V19); \
	ROUND(20, V20, V21, V22, V23); \
	ROUND(24, V24, V25, V26, V27); \
	ROUND(28, V28, V29, V30, V31); \
	SADDLP8(16, 0); \
	SADALP8(20, 0); \
	SADALP8(24, 0); \
	SADALP8(28, 0); \
	SADDLV8(0, 0); \
	FMOVS F0, R8; \
	NEG R8<<7, R8; \
	B store; \
zeros: \
	ZERO4(V16, V20, V24, V28); \
	MOVD $0, R8; \
store: \
	MOVW R8, (R1); \
	MOVW R9, (R1)(R2); \
	FSTPQ (F16, F20), (R0); \
	FSTPQ (F24, F28), 32(R0); \
	ADD R7, R0; \
	ADD R7, R1; \
	SUBS $1, R6; \
	BNE group; \
	RET

TEXT ·quantize32x32NEON(SB), NOSPLIT, $0-56
	QUANTIZE(PLACES32, STEPS32)

TEXT ·quantize32x16NEON(SB), NOSPLIT, $0-56
	QUANTIZE(PLACES32, STEPS16)

TEXT ·quantize16x32NEON(SB), NOSPLIT, $0-56
	QUANTIZE(PLACES16, STEPS32)

TEXT ·quantize16x16NEON(SB), NOSPLIT, $0-56
	QUANTIZE(PLACES16, STEPS16)
