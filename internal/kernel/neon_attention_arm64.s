//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// Attention at a tile, but for its sums: those are AccumulateRowsF32.

// FMAXNM Vd.4S, Vn.4S, Vm.4S; FCMGT, where n > m; BIC Vd.16B, Vn.16B, Vm.16B
#define FMAXNM(m, n, d) WORD $(0x4E20C400 | (m)<<16 | (n)<<5 | (d))
#define FCMGT(m, n, d) WORD $(0x6EA0E400 | (m)<<16 | (n)<<5 | (d))
#define BIC(m, n, d) WORD $(0x4E601C00 | (m)<<16 | (n)<<5 | (d))

// FMAXNMV Sd, Vn.4S; SHL23 is SHL Vd.4S, Vn.4S, #23.
#define FMAXNMV(n, d) WORD $(0x6E30C800 | (n)<<5 | (d))
#define SHL23(n, d) WORD $(0x4F375400 | (n)<<5 | (d))

// FCVTL Vd.4S, Vn.4H; SXTL8 and SXTL4 are SXTL Vd.8H, Vn.8B and Vd.4S, Vn.4H; and those of upper halves.
#define FCVTL(n, d) WORD $(0x0E217800 | (n)<<5 | (d))
#define FCVTL2(n, d) WORD $(0x4E217800 | (n)<<5 | (d))
#define SXTL8(n, d) WORD $(0x0F08A400 | (n)<<5 | (d))
#define SXTL82(n, d) WORD $(0x4F08A400 | (n)<<5 | (d))
#define SXTL4(n, d) WORD $(0x0F10A400 | (n)<<5 | (d))
#define SXTL42(n, d) WORD $(0x4F10A400 | (n)<<5 | (d))

DATA exp32<>+0(SB)/4, $0x3FB8AA3B  // log2 e, V20
DATA exp32<>+4(SB)/4, $0x4B40007F  // 1.5·2^23 + 127, V21
DATA exp32<>+8(SB)/4, $0xBF318000  // -ln2High, V22
DATA exp32<>+12(SB)/4, $0x395E8083 // -ln2Low, V23
DATA exp32<>+16(SB)/4, $0x39506967 // expCoefficients, V24 .. V30
DATA exp32<>+20(SB)/4, $0x3AB743CE
DATA exp32<>+24(SB)/4, $0x3C088908
DATA exp32<>+28(SB)/4, $0x3D2AA9C1
DATA exp32<>+32(SB)/4, $0x3E2AAAAA
DATA exp32<>+36(SB)/4, $0x3F000000
DATA exp32<>+40(SB)/4, $0x3F800000
DATA exp32<>+44(SB)/4, $0xC2AE0000 // expLeast, V31
GLOBL exp32<>(SB), RODATA|NOPTR, $48

#define LOAD_EXP32 \
	MOVD $exp32<>(SB), R5; \
	VLD1R.P 4(R5), [V20.S4]; \
	VLD1R.P 4(R5), [V21.S4]; \
	VLD1R.P 4(R5), [V22.S4]; \
	VLD1R.P 4(R5), [V23.S4]; \
	VLD1R.P 4(R5), [V24.S4]; \
	VLD1R.P 4(R5), [V25.S4]; \
	VLD1R.P 4(R5), [V26.S4]; \
	VLD1R.P 4(R5), [V27.S4]; \
	VLD1R.P 4(R5), [V28.S4]; \
	VLD1R.P 4(R5), [V29.S4]; \
	VLD1R.P 4(R5), [V30.S4]; \
	VLD1R (R5), [V31.S4]

// TERM is a step of Horner's rule in both registers.
#define TERM(c, p0, p1, q0, q1) \
	VMOV c.B16, q0.B16; \
	VMOV c.B16, q1.B16; \
	VFMLA V6.S4, p0.S4, q0.S4; \
	VFMLA V7.S4, p1.S4, q1.S4

// EXP32 replaces V0 and V1 by what exp32 has.
#define EXP32 \
	VMOV V21.B16, V2.B16; \
	VMOV V21.B16, V3.B16; \
	VFMLA V20.S4, V0.S4, V2.S4; \
	VFMLA V20.S4, V1.S4, V3.S4; \
	FSUB(21, 2, 4); \
	FSUB(21, 3, 5); \
	VMOV V0.B16, V6.B16; \
	VMOV V1.B16, V7.B16; \
	VFMLA V22.S4, V4.S4, V6.S4; \
	VFMLA V22.S4, V5.S4, V7.S4; \
	VFMLA V23.S4, V4.S4, V6.S4; \
	VFMLA V23.S4, V5.S4, V7.S4; \
	TERM(V25, V24, V24, V4, V5); \
	TERM(V26, V4, V5, V8, V9); \
	TERM(V27, V8, V9, V4, V5); \
	TERM(V28, V4, V5, V8, V9); \
	TERM(V29, V8, V9, V4, V5); \
	TERM(V30, V4, V5, V8, V9); \
	TERM(V30, V8, V9, V4, V5); \
	SHL23(2, 2); \
	SHL23(3, 3); \
	FMUL(2, 4, 4); \
	FMUL(3, 5, 5); \
	FCMGT(0, 31, 2); \
	FCMGT(1, 31, 3); \
	BIC(2, 4, 0); \
	BIC(3, 5, 1)

// WEIGHTS makes weights of eight scores, and adds them to lanes in registers n and n+1.
#define WEIGHTS(n) \
	FLDPQ (R4), (F0, F1); \
	FSUB(15, 0, 0); \
	FSUB(15, 1, 1); \
	EXP32; \
	FSTPQ (F0, F1), (R4); \
	ADD $32, R4; \
	FADD(0, n, n); \
	FADD(1, n+1, n+1)

TEXT ·softmaxTileNEON(SB), NOSPLIT, $0-32
	MOVD scores+0(FP), R0
	MOVD rows+8(FP), R1
	MOVD states+16(FP), R2
	MOVD scales+24(FP), R3
	LOAD_EXP32
row:
	VLD1R (R2), [V14.S4] // the largest score before
	VMOV V14.B16, V15.B16
	MOVD R0, R4
	MOVD $4, R6
largest:
	VLD1.P 64(R4), [V0.S4, V1.S4, V2.S4, V3.S4]
	FMAXNM(0, 15, 15) // a NaN is not looked at
	FMAXNM(1, 15, 15)
	FMAXNM(2, 15, 15)
	FMAXNM(3, 15, 15)
	SUBS $1, R6
	BNE largest
	FMAXNMV(15, 0)
	FMOVS F0, (R2)
	VDUP V0.S[0], V15.S4
	FSUB(15, 14, 0)
	FSUB(15, 14, 1)
	EXP32
	FMOVS F0, 8(R2)
	VMOV V0.B16, V14.B16 // the factor
	ZERO4(V16, V17, V18, V19)
	MOVD R0, R4
	MOVD $4, R6
weights:
	WEIGHTS(16)
	WEIGHTS(18)
	SUBS $1, R6
	BNE weights
	LOAD_NAN
	SUM(16, 17, 18, 19)
	FMOVS 4(R2), F2
	FMADDS F14, F0, F2, F0
	FMOVS F0, 4(R2)
	CBZ R3, next
	MOVD R0, R4
	MOVD R3, R5
	MOVD $4, R6
scaled:
	VLD1 (R4), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R5), [V4.S4, V5.S4, V6.S4, V7.S4]
	FMUL(4, 0, 0)
	FMUL(5, 1, 1)
	FMUL(6, 2, 2)
	FMUL(7, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R4)
	SUBS $1, R6
	BNE scaled
next:
	ADD $256, R0
	ADD $16, R2
	SUBS $1, R1
	BNE row
	RET

TEXT ·scaleByNEON(SB), NOSPLIT, $0-28
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
	MOVWU factor+24(FP), R3
	VDUP R3, V4.S4
	LOAD_NAN
loop:
	VLD1.P 64(R1), [V16.S4, V17.S4, V18.S4, V19.S4]
	FMUL(4, 16, 16)
	FMUL(4, 17, 17)
	FMUL(4, 18, 18)
	FMUL(4, 19, 19)
	CANONICAL4(16, V16, V17, V18, V19)
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R0)
	SUBS $16, R2
	BNE loop
	RET

TEXT ·widenF16NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
loop:
	FLDPQ.P 32(R1), (F4, F5)
	FCVTL(4, 0)
	FCVTL2(4, 1)
	FCVTL(5, 2)
	FCVTL2(5, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUBS $16, R2
	BNE loop
	RET

TEXT ·widenInt8NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
loop:
	FMOVQ.P 16(R1), F4
	SXTL82(4, 5)
	SXTL8(4, 4)
	SXTL4(4, 0)
	SXTL42(4, 1)
	SXTL4(5, 2)
	SXTL42(5, 3)
	SCVTF(0, 0)
	SCVTF(1, 1)
	SCVTF(2, 2)
	SCVTF(3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUBS $16, R2
	BNE loop
	RET
