//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// The functions of activations: the operations of internal/detmath in their order, each rounded by itself. Eight elements go side by
// side, as four registers of two float64: arguments in V0..V3, results in V12..V15.
//
//	R0, R1, R2   x, the second vector, elements left
//	R3, R4       constants; the canon's NaN is in R20
//	V16..V31     those of the exponential

// Of two float64: FADD Vd.2D, Vn.2D, Vm.2D and so on.
#define ADD64(m, n, d) WORD $(0x4E60D400 | (m)<<16 | (n)<<5 | (d))
#define SUB64(m, n, d) WORD $(0x4EE0D400 | (m)<<16 | (n)<<5 | (d))
#define MUL64(m, n, d) WORD $(0x6E60DC00 | (m)<<16 | (n)<<5 | (d))
#define DIV64(m, n, d) WORD $(0x6E60FC00 | (m)<<16 | (n)<<5 | (d))
#define MAX64(m, n, d) WORD $(0x4E60F400 | (m)<<16 | (n)<<5 | (d))
#define MIN64(m, n, d) WORD $(0x4EE0F400 | (m)<<16 | (n)<<5 | (d))
#define ROUND64(n, d) WORD $(0x4E618800 | (n)<<5 | (d)) // FRINTN
#define ABS64(n, d) WORD $(0x4EE0F800 | (n)<<5 | (d))
#define NEG64(n, d) WORD $(0x6EE0F800 | (n)<<5 | (d))
#define SHL52(n, d) WORD $(0x4F745400 | (n)<<5 | (d))
#define FACGT64(m, n, d) WORD $(0x6EE0EC00 | (m)<<16 | (n)<<5 | (d)) // where |n| > |m|

// FCVTL Vd.2D, Vn.2S and FCVTN Vd.2S, Vn.2D, and those of upper halves
#define FCVTL(n, d) WORD $(0x0E617800 | (n)<<5 | (d))
#define FCVTL2(n, d) WORD $(0x4E617800 | (n)<<5 | (d))
#define FCVTN(n, d) WORD $(0x0E616800 | (n)<<5 | (d))
#define FCVTN2(n, d) WORD $(0x4E616800 | (n)<<5 | (d))

// FDIV Vd.4S, Vn.4S, Vm.4S
#define FDIV(m, n, d) WORD $(0x6E20FC00 | (m)<<16 | (n)<<5 | (d))

DATA exponential<>+0(SB)/8, $0xC085E00000000000   // -700, V16
DATA exponential<>+8(SB)/8, $0x4086300000000000   // 710, V17
DATA exponential<>+16(SB)/8, $0x3FF71547652B82FE  // log2 e, V18
DATA exponential<>+24(SB)/8, $0x3FE62E42FEE00000  // upper bits of ln 2, V19
DATA exponential<>+32(SB)/8, $0x3DEA39EF35793C76  // and lower, V20
DATA exponential<>+40(SB)/8, $0x3E927E4FB7789F5C  // 1/10!, V21
DATA exponential<>+48(SB)/8, $0x3EC71DE3A556C734  // 1/9!, V22
DATA exponential<>+56(SB)/8, $0x3EFA01A01A01A01A  // 1/8!, V23
DATA exponential<>+64(SB)/8, $0x3F2A01A01A01A01A  // 1/7!, V24
DATA exponential<>+72(SB)/8, $0x3F56C16C16C16C17  // 1/6!, V25
DATA exponential<>+80(SB)/8, $0x3F81111111111111  // 1/5!, V26
DATA exponential<>+88(SB)/8, $0x3FA5555555555555  // 1/4!, V27
DATA exponential<>+96(SB)/8, $0x3FC5555555555555  // 1/3!, V28
DATA exponential<>+104(SB)/8, $0x3FE0000000000000 // 1/2, V29
DATA exponential<>+112(SB)/8, $0x3FF0000000000000 // 1, V30
DATA exponential<>+120(SB)/8, $0x43380000000003FF // 1.5·2^52 + 1023, V31
GLOBL exponential<>(SB), RODATA|NOPTR, $128

DATA tangent<>+0(SB)/8, $0xC000000000000000  // -2
DATA tangent<>+8(SB)/8, $0x3F50000000000000  // 2^-10
DATA tangent<>+16(SB)/8, $0x3FD5555555555555 // 1/3
DATA tangent<>+24(SB)/8, $0x8000000000000000
GLOBL tangent<>(SB), RODATA|NOPTR, $32

DATA gelu<>+0(SB)/8, $0x3FA6E4E26D4801F7 // 0.044715
DATA gelu<>+8(SB)/8, $0x3FE9884533D43651 // √(2/π)
GLOBL gelu<>(SB), RODATA|NOPTR, $16

#define LOAD_EXPONENTIAL \
	MOVD $exponential<>(SB), R3; \
	VLD1R.P 8(R3), [V16.D2]; \
	VLD1R.P 8(R3), [V17.D2]; \
	VLD1R.P 8(R3), [V18.D2]; \
	VLD1R.P 8(R3), [V19.D2]; \
	VLD1R.P 8(R3), [V20.D2]; \
	VLD1R.P 8(R3), [V21.D2]; \
	VLD1R.P 8(R3), [V22.D2]; \
	VLD1R.P 8(R3), [V23.D2]; \
	VLD1R.P 8(R3), [V24.D2]; \
	VLD1R.P 8(R3), [V25.D2]; \
	VLD1R.P 8(R3), [V26.D2]; \
	VLD1R.P 8(R3), [V27.D2]; \
	VLD1R.P 8(R3), [V28.D2]; \
	VLD1R.P 8(R3), [V29.D2]; \
	VLD1R.P 8(R3), [V30.D2]; \
	VLD1R (R3), [V31.D2]

// FOUR does something for each register.
#define FOUR(DO) DO(0); DO(1); DO(2); DO(3)

// EXPONENTIAL: x in 0.., its exponent k in 4.., a product in 8.., the polynomial in 12.. .
#define CUT(i) MAX64(16, i, i); MIN64(17, i, i) // a NaN stays
#define EXPONENT(i) MUL64(18, i, 4+i); ROUND64(4+i, 4+i)
#define REST(i) MUL64(19, 4+i, 8+i); SUB64(8+i, i, i); MUL64(20, 4+i, 8+i); SUB64(8+i, i, i); MUL64(21, i, 12+i)
#define TERM(c) \
	ADD64(c, 12, 12); MUL64(0, 12, 12); \
	ADD64(c, 13, 13); MUL64(1, 13, 13); \
	ADD64(c, 14, 14); MUL64(2, 14, 14); \
	ADD64(c, 15, 15); MUL64(3, 15, 15)
// The lowest bits of k + 1.5·2^52 + 1023 are the exponent of 2^k.
#define POWER(i) ADD64(30, 12+i, 12+i); ADD64(31, 4+i, 4+i); SHL52(4+i, 4+i); MUL64(4+i, 12+i, 12+i)
#define EXPONENTIAL \
	FOUR(CUT); \
	FOUR(EXPONENT); \
	FOUR(REST); \
	TERM(22); \
	TERM(23); \
	TERM(24); \
	TERM(25); \
	TERM(26); \
	TERM(27); \
	TERM(28); \
	TERM(29); \
	TERM(30); \
	FOUR(POWER)

// TANGENT is the hyperbolic one; x waits on the stack.
#define TWICE(i) ABS64(i, i); MUL64(4, i, i)
#define QUOTIENT(i) SUB64(12+i, 30, 8+i); ADD64(30, 12+i, 12+i); DIV64(12+i, 8+i, 12+i)
// Next to 0 it is x − x³/3: V4..V6 are the last three of tangent.
#define NEAR(i) MUL64(i, i, 8+i); MUL64(8+i, i, 8+i); MUL64(5, 8+i, 8+i); SUB64(8+i, i, 8+i); FACGT64_LEAST(i)
#define FACGT64_LEAST(i) FACGT64(i, 4, i)
#define TANGENT \
	FSTPQ (F0, F1), 16(RSP); \
	FSTPQ (F2, F3), 48(RSP); \
	MOVD $tangent<>(SB), R4; \
	VLD1R.P 8(R4), [V4.D2]; \
	FOUR(TWICE); \
	EXPONENTIAL; \
	FOUR(QUOTIENT); \
	FLDPQ 16(RSP), (F0, F1); \
	FLDPQ 48(RSP), (F2, F3); \
	VLD1R.P 8(R4), [V4.D2]; \
	VLD1R.P 8(R4), [V5.D2]; \
	VLD1R (R4), [V6.D2]; \
	VBIT V6.B16, V0.B16, V12.B16; \
	VBIT V6.B16, V1.B16, V13.B16; \
	VBIT V6.B16, V2.B16, V14.B16; \
	VBIT V6.B16, V3.B16, V15.B16; \
	FOUR(NEAR); \
	VBIT V0.B16, V8.B16, V12.B16; \
	VBIT V1.B16, V9.B16, V13.B16; \
	VBIT V2.B16, V10.B16, V14.B16; \
	VBIT V3.B16, V11.B16, V15.B16

// WIDEN takes V8 and V9 to V0..V3, and NARROW takes V12..V15 there.
#define WIDEN FCVTL(8, 0); FCVTL2(8, 1); FCVTL(9, 2); FCVTL2(9, 3)
#define NARROW FCVTN(12, 8); FCVTN2(13, 8); FCVTN(14, 9); FCVTN2(15, 9)

#define STORE \
	VDUP R20, V5.S4; \
	CANONICAL(8, V8); \
	CANONICAL(9, V9); \
	FSTPQ (F8, F9), (R0); \
	ADD $32, R0

#define GATE(ACT) \
	MOVD x+0(FP), R0; \
	MOVD u+8(FP), R1; \
	MOVD n+16(FP), R2; \
	LOAD_NAN; \
	LOAD_EXPONENTIAL; \
loop: \
	FLDPQ (R0), (F8, F9); \
	WIDEN; \
	ACT; \
	NARROW; \
	FLDPQ (R1), (F10, F11); \
	FMUL(10, 8, 8); \
	FMUL(11, 9, 9); \
	ADD $32, R1; \
	STORE; \
	SUBS $8, R2; \
	BNE loop; \
	RET

// x/(1 + e^-x)
#define NEGATE(i) NEG64(i, i)
#define DIVIDE(i) ADD64(30, 12+i, 12+i); DIV64(12+i, i, 12+i)
#define SILU \
	FOUR(NEGATE); \
	EXPONENTIAL; \
	FLDPQ (R0), (F8, F9); \
	WIDEN; \
	FOUR(DIVIDE)

// x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))
#define CUBIC(i) MUL64(i, i, 4+i); MUL64(4+i, i, 4+i); MUL64(12, 4+i, 4+i); ADD64(4+i, i, i); MUL64(13, i, i)
#define HALF(i) MUL64(29, i, i); ADD64(30, 12+i, 12+i); MUL64(12+i, i, 12+i)
#define GELU \
	MOVD $gelu<>(SB), R4; \
	VLD1R.P 8(R4), [V12.D2]; \
	VLD1R (R4), [V13.D2]; \
	FOUR(CUBIC); \
	TANGENT; \
	FLDPQ (R0), (F8, F9); \
	WIDEN; \
	FOUR(HALF)

// Functions of x and two numbers, whose bits are in R5 and R6.
#define SCALED(a, b, BEFORE, ACT, AFTER) \
	MOVD x+0(FP), R0; \
	MOVD n+8(FP), R2; \
	MOVWU a+16(FP), R5; \
	MOVWU b+20(FP), R6; \
	LOAD_NAN; \
	LOAD_EXPONENTIAL; \
loop: \
	FLDPQ (R0), (F8, F9); \
	VDUP R5, V10.S4; \
	VDUP R6, V11.S4; \
	BEFORE; \
	WIDEN; \
	ACT; \
	NARROW; \
	AFTER; \
	STORE; \
	SUBS $8, R2; \
	BNE loop; \
	RET

// cap·tanh(scale·x/cap)
#define INTO_CAP FMUL(10, 8, 8); FMUL(10, 9, 9); FDIV(11, 8, 8); FDIV(11, 9, 9)
#define BY_CAP VDUP R6, V11.S4; FMUL(11, 8, 8); FMUL(11, 9, 9)

// e^((x−from)/scale)
#define FROM FSUB(10, 8, 8); FSUB(10, 9, 9); FDIV(11, 8, 8); FDIV(11, 9, 9)
#define NOTHING

TEXT ·siluMulNEON(SB), NOSPLIT, $0-24
	GATE(SILU)

TEXT ·geluTanhMulNEON(SB), NOSPLIT, $80-24
	GATE(GELU)

TEXT ·softcapNEON(SB), NOSPLIT, $80-24
	SCALED(scale, cap, INTO_CAP, TANGENT, BY_CAP)

TEXT ·expNEON(SB), NOSPLIT, $0-24
	SCALED(from, scale, FROM, EXPONENTIAL, NOTHING)
