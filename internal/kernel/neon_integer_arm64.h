// What the routines of the integer canon share. Registers:
//
//	R0       y
//	R2, R3   values of the first vector, scales
//	R4, R5   codes, groups left
//	R6       bytes to the next group of the panel
//	R7, R8   values of the columns at hand, columns left in a group
//
// A line of codes is four registers of four rows each, four columns of a row in a 32-bit element. Codes less 128, as
// int8, are integers, so that the biases of a panel are of no use. Sums fill the registers, and outputs stay in memory.
// No NaN but 0x7FC00000 can come out: it is the one in scales, and the one that the CPU makes.

// SDOT Vd.4S, Vn.16B, Vm.4B[i]
#define SDOT(m, i, n, d) WORD $(0x4F80E000 | ((i)&1)<<21 | (m)<<16 | ((i)>>1)<<11 | (n)<<5 | (d))

// SMULL Vd.8H, Vn.8B, Vm.8B: products of lower halves, or with SMULL2 of upper ones; SMLAL adds them.
#define SMULL(m, n, d) WORD $(0x0E20C000 | (m)<<16 | (n)<<5 | (d))
#define SMULL2(m, n, d) WORD $(0x4E20C000 | (m)<<16 | (n)<<5 | (d))
#define SMLAL(m, n, d) WORD $(0x0E208000 | (m)<<16 | (n)<<5 | (d))
#define SMLAL2(m, n, d) WORD $(0x4E208000 | (m)<<16 | (n)<<5 | (d))

// SADDLP Vd.4S, Vn.8H adds neighbours up, and SADALP adds that to what is there.
#define SADDLP(n, d) WORD $(0x4E602800 | (n)<<5 | (d))
#define SADALP(n, d) WORD $(0x4E606800 | (n)<<5 | (d))

#define INTEGER_ARGUMENTS \
	MOVD y+0(FP), R0; \
	MOVD values+8(FP), R2; \
	MOVD biases+16(FP), R3; \
	MOVD width+24(FP), R6; \
	MOVD codes+32(FP), R4; \
	MOVD groups+40(FP), R5; \
	ADD R6, R3; \
	ADD R6<<3, R6, R6; \
	ADD R6, R6; \
	VMOVI $128, V15.B16

// Z makes integers of codes.
#define Z(v) VEOR V15.B16, v.B16, v.B16

// OUTPUTS_BEGIN and OUTPUTS_END come before and after those of a group: R9 and R10 walk along scales and outputs.
#define OUTPUTS_BEGIN \
	MOVD R3, R9; \
	MOVD R0, R10
#define OUTPUTS_END \
	ADD R6, R2; \
	ADD R6, R3

// OUTPUT adds the sums of a vector in registers a..d, which are numbered n, n+1, n+2 and n+3, times its scale to its
// outputs, and goes on to the next.
#define OUTPUT(n, a, b, c, d) \
	VLD1R (R9), [V4.S4]; \
	ADD $4, R9; \
	VLD1 (R10), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	SCVTF(n, n); \
	SCVTF(n+1, n+1); \
	SCVTF(n+2, n+2); \
	SCVTF(n+3, n+3); \
	VFMLA V4.S4, a.S4, V0.S4; \
	VFMLA V4.S4, b.S4, V1.S4; \
	VFMLA V4.S4, c.S4, V2.S4; \
	VFMLA V4.S4, d.S4, V3.S4; \
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R10); \
	ADD $64, R10
