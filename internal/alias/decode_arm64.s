//go:build !noasm

#include "textflag.h"

// The decoder of 64 states in sixteen registers; the tables' sixteen bytes are looked up by TBL.
//
//	R0, R1, R9   codes, quads at most, quads done
//	R2, R3       words, where 64 of them are left
//	R5, R6, R7   tables, plan, raw bits
//	R8, R12      spread and rawControls, R13 the size of a table
//	R10, R14     the table of a step and its extra bits
//	V16..V31     states
//	V11..V15     bytes of 15, and what makes 32-bit numbers of four bytes: those of each register

// Instructions without a Go mnemonic, or with registers counted: UZP1H Vd.8H; NOTBELOW, where n > m, is CMHI Vd.4S, and CMHI Vd.16B;
// BIC, BIT and TBL Vd.16B; USHR8 and SLI16 shift 32-bit elements by 8 and 16; MLA Vd.4S; USHL Vd.16B; ADDV Hd, Vn.8H; UXTL Vd.4S.
#define UZP1H(m, n, d) WORD $(0x4E401800 | (m)<<16 | (n)<<5 | (d))
#define CMHI(m, n, d) WORD $(0x6E203400 | (m)<<16 | (n)<<5 | (d))
#define CMHI4(m, n, d) WORD $(0x6EA03400 | (m)<<16 | (n)<<5 | (d))
#define BIC(m, n, d) WORD $(0x4E601C00 | (m)<<16 | (n)<<5 | (d))
#define BIT(m, n, d) WORD $(0x6EA01C00 | (m)<<16 | (n)<<5 | (d))
#define TBL(m, n, d) WORD $(0x4E000000 | (m)<<16 | (n)<<5 | (d))
#define USHR8(n, d) WORD $(0x6F380400 | (n)<<5 | (d))
#define SLI16(n, d) WORD $(0x6F305400 | (n)<<5 | (d))
#define MLA(m, n, d) WORD $(0x4EA09400 | (m)<<16 | (n)<<5 | (d))
#define USHL(m, n, d) WORD $(0x6E204400 | (m)<<16 | (n)<<5 | (d))
#define ADDV(n, d) WORD $(0x4E71B800 | (n)<<5 | (d))
#define UXTL(n, d) WORD $(0x2F10A400 | (n)<<5 | (d))
#define UXTL2(n, d) WORD $(0x6F10A400 | (n)<<5 | (d))

// Bytes 4k … 4k+3 as 32-bit numbers, for each k.
DATA widen<>+0(SB)/8, $0xFFFFFF01FFFFFF00
DATA widen<>+8(SB)/8, $0xFFFFFF03FFFFFF02
DATA widen<>+16(SB)/8, $0xFFFFFF05FFFFFF04
DATA widen<>+24(SB)/8, $0xFFFFFF07FFFFFF06
DATA widen<>+32(SB)/8, $0xFFFFFF09FFFFFF08
DATA widen<>+40(SB)/8, $0xFFFFFF0BFFFFFF0A
DATA widen<>+48(SB)/8, $0xFFFFFF0DFFFFFF0C
DATA widen<>+56(SB)/8, $0xFFFFFF0FFFFFFF0E
GLOBL widen<>(SB), RODATA|NOPTR, $64

// A bit for each of eight halves.
DATA places<>+0(SB)/8, $0x0008000400020001
DATA places<>+8(SB)/8, $0x0080004000200010
GLOBL places<>(SB), RODATA|NOPTR, $16

// STATE makes the next of four states x, from slots' frequencies in V5 and numbers in V4.
#define STATE(k, x) \
	USHR8(x, 7); \
	TBL(12+(k), 4, x); \
	TBL(12+(k), 5, 8); \
	MLA(8, 7, x)

// SIXTEEN decodes what every second register from x on has to codes in v, but for raw bits.
#define SIXTEEN(x, f, v) \
	UZP1H(x+2, x, 0); \
	UZP1H(x+6, x+4, 1); \
	VUZP1 V1.B16, V0.B16, V0.B16; \
	VUSHR $4, V0.B16, V1.B16; \
	VAND V11.B16, V0.B16, V0.B16; \
	FMOVQ (R10), F2; /* dividers */ \
	VTBL V1.B16, [V2.B16], V2.B16; \
	CMHI(0, 2, 2); \
	FMOVQ 16(R10), F3; /* aliases */ \
	VTBL V1.B16, [V3.B16], V3.B16; \
	VBIT V2.B16, V1.B16, V3.B16; \
	FMOVQ 32(R10), F4; /* offsets */ \
	VTBL V1.B16, [V4.B16], V4.B16; \
	BIC(2, 4, 4); \
	VADD V0.B16, V4.B16, V4.B16; \
	FMOVQ 48(R10), F5; /* frequencies */ \
	VTBL V3.B16, [V5.B16], V5.B16; \
	FMOVQ 64(R10), f; /* codes */ \
	VTBL V3.B16, [v.B16], v.B16; \
	STATE(0, x); \
	STATE(1, x+2); \
	STATE(2, x+4); \
	STATE(3, x+6)

// RAW adds sixteen numbers of raw bits in V0 to codes in v: the bytes that have their lower and upper parts, and the shifts of
// these, are at off from R15, and a mask behind all.
#define RAW(off, v) \
	FLDPQ (off)(R15), (F1, F2); \
	FLDPQ (off+32)(R15), (F3, F4); \
	FMOVQ 128(R15), F5; \
	VTBL V1.B16, [V0.B16], V1.B16; \
	VTBL V2.B16, [V0.B16], V2.B16; \
	USHL(3, 1, 1); \
	USHL(4, 2, 2); \
	VORR V2.B16, V1.B16, V1.B16; \
	VAND V5.B16, V1.B16, V1.B16; \
	VADD V1.B16, v.B16, v.B16

// STEP decodes step i of four with the states from x on.
#define STEP(i, x, plain) \
	MOVBU i(R6), R10; \
	MADD R13, R5, R10, R10; \
	MOVBU 80(R10), R14; \
	SIXTEEN(x, F6, V6); \
	SIXTEEN(x+1, F10, V10); \
	CBZ R14, plain; \
	FMOVQ (R7), F0; \
	ADD R14<<2, R7; \
	ADD R14<<3, R14, R15; \
	ADD R15<<4, R12, R15; \
	RAW(0, V6); \
	RAW(64, V10); \
plain: \
	FSTPQ (F6, F10), (32*i)(R0)

// REFILL gives states of registers x and x+1 below V9 the next words.
#define REFILL(x) \
	CMHI4(x, 9, 0); \
	CMHI4(x+1, 9, 1); \
	VUZP1 V1.H8, V0.H8, V2.H8; \
	VAND V6.B16, V2.B16, V2.B16; \
	ADDV(2, 2); \
	FMOVS F2, R14; \
	VCNT V2.B8, V3.B8; \
	FMOVS F3, R15; \
	FMOVQ (R2), F4; \
	ADD R15<<1, R2; \
	ADD R14<<4, R8, R14; \
	FMOVQ (R14), F5; \
	VTBL V5.B16, [V4.B16], V4.B16; \
	UXTL(4, 2); \
	UXTL2(4, 3); \
	SLI16(x, 2); \
	SLI16(x+1, 3); \
	BIT(0, 2, x); \
	BIT(1, 3, x+1)

TEXT ·decodeNEON(SB), NOSPLIT, $0-96
	MOVD dst+0(FP), R0
	MOVD quads+8(FP), R1
	MOVD words+16(FP), R2
	MOVD left+24(FP), R3
	MOVD states+32(FP), R4
	MOVD tables+40(FP), R5
	MOVD plan+48(FP), R6
	MOVD raw+56(FP), R7
	MOVD spread+64(FP), R8
	ADD R3<<1, R2, R3
	SUB $128, R3
	VLD1.P 64(R4), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P 64(R4), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1.P 64(R4), [V24.S4, V25.S4, V26.S4, V27.S4]
	VLD1 (R4), [V28.S4, V29.S4, V30.S4, V31.S4]
	VMOVI $15, V11.B16
	MOVD $widen<>(SB), R4
	VLD1 (R4), [V12.B16, V13.B16, V14.B16, V15.B16]
	MOVD $places<>(SB), R4
	MOVD $·rawControls(SB), R12
	MOVD $1120, R13
	MOVD $0x10000, R11
	MOVD $0, R9
quad:
	CMP R1, R9
	BGE end
	CMP R3, R2
	BHI end
	STEP(0, 16, plain0)
	STEP(1, 24, plain1)
	STEP(2, 16, plain2)
	STEP(3, 24, plain3)
	VDUP R11, V9.S4
	FMOVQ (R4), F6
	REFILL(16)
	REFILL(18)
	REFILL(20)
	REFILL(22)
	REFILL(24)
	REFILL(26)
	REFILL(28)
	REFILL(30)
	ADD $4, R6
	ADD $128, R0
	ADD $1, R9
	B quad
end:
	MOVD states+32(FP), R4
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R4)
	VST1.P [V20.S4, V21.S4, V22.S4, V23.S4], 64(R4)
	VST1.P [V24.S4, V25.S4, V26.S4, V27.S4], 64(R4)
	VST1 [V28.S4, V29.S4, V30.S4, V31.S4], (R4)
	MOVD R9, done+72(FP)
	MOVD words+16(FP), R3
	SUB R3, R2
	LSR $1, R2
	MOVD R2, taken+80(FP)
	MOVD raw+56(FP), R3
	SUB R3, R7
	MOVD R7, rawTaken+88(FP)
	RET
