// What all NEON kernels share. The lanes of the canon are four registers: quad q
// holds lanes 4·q .. 4·q+3 and is fed by columns 16·q .. 16·q+15. These 16
// columns of a row are the unit of work: every form of weights has a macro that
// leaves them in V0..V3, either in lane order (register s is step s) or in
// column order (register s is columns 4·s .. 4·s+3). See slot in activations.go.
//
// Registers, for all kernels that read weights:
//
//	ROW, LD, TABLE  the row or strip at hand, bytes to the next one, the Table
//	V0..V3          16 weights
//	V4..V15         scratch and tables, as each form says
//	V16..V31        sums
//
// R16..R18 and R26..R30 belong to Go. The canon holds as Go leaves the control
// register: FMLA rounds once, to nearest even, and keeps subnormal numbers.
//
// Instructions without a Go mnemonic are words; their macros take register numbers.

#define ROW R8
#define LD R9
#define TABLE R10

// FADD, FSUB and FMUL Vd.4S, Vn.4S, Vm.4S
#define FADD(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))
#define FSUB(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d))
#define FMUL(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))

// FCMEQ Vd.4S, Vn.4S, Vm.4S
#define FCMEQ(m, n, d) WORD $(0x4E20E400 | (m)<<16 | (n)<<5 | (d))

// SCVTF Vd.4S, Vn.4S
#define SCVTF(n, d) WORD $(0x4E21D800 | (n)<<5 | (d))

// CMLT0 Vd.16B, Vn.16B, #0
#define CMLT0(n, d) WORD $(0x4E20A800 | (n)<<5 | (d))

#define ZERO(v) VEOR v.B16, v.B16, v.B16
#define ZERO4(a, b, c, d) ZERO(a); ZERO(b); ZERO(c); ZERO(d)

// LOAD_NAN sets V5 to the NaN of the canon, which SUM and CANONICAL need. They
// use V0 and V1, it uses R20.
#define LOAD_NAN \
	MOVD $0x7FC00000, R20; \
	VDUP R20, V5.S4

// SUM sets F0 to the sum of 16 lanes in registers a..d (by number): lanes i and
// i+8, then i and i+4, i+2, i+1; any NaN as the one of the canon.
#define SUM(a, b, c, d) \
	FADD(c, a, 0); \
	FADD(d, b, 1); \
	FADD(1, 0, 0); \
	VEXT $8, V0.B16, V0.B16, V1.B16; \
	FADD(1, 0, 0); \
	VDUP V0.S[1], V1.S4; \
	FADDS F1, F0, F0; \
	FCMPS F0, F0; \
	FCSELS VS, F5, F0, F0

// CANONICAL replaces the NaNs of register n, which is v, by the one of the canon.
#define CANONICAL(n, v) \
	FCMEQ(n, n, 0); \
	VBIF V0.B16, V5.B16, v.B16

#define CANONICAL4(n, a, b, c, d) \
	CANONICAL(n, a); \
	CANONICAL(n+1, b); \
	CANONICAL(n+2, c); \
	CANONICAL(n+3, d)

// SCALE adds the weights, times x, to four sums.
#define SCALE(x, a, b, c, d) \
	VFMLA x.S4, V0.S4, a.S4; \
	VFMLA x.S4, V1.S4, b.S4; \
	VFMLA x.S4, V2.S4, c.S4; \
	VFMLA x.S4, V3.S4, d.S4

// FLOAT_LANES loads 16 columns, from column q of ROW on, of a row of float32.
#define FLOAT_LANES(q) \
	FLDPQ (4*(q))(ROW), (F4, F5); \
	FLDPQ (4*(q)+32)(ROW), (F6, F7); \
	VUZP1 V5.S4, V4.S4, V0.S4; \
	VUZP2 V5.S4, V4.S4, V1.S4; \
	VUZP1 V7.S4, V6.S4, V2.S4; \
	VUZP2 V7.S4, V6.S4, V3.S4

// STEPS sets R3..R6 to the four steps of a group of activations at x, step
// bytes apart.
#define STEPS(x, step) \
	MOVD x, R3; \
	ADD step, R3, R4; \
	ADD step, R4, R5; \
	ADD step, R5, R6

// NEXT_STEPS moves on by R7 bytes, four steps.
#define NEXT_STEPS \
	ADD R7, R3; \
	ADD R7, R4; \
	ADD R7, R5; \
	ADD R7, R6

// The arguments of an accumulateFunc. R7 is the first row of the columns at hand.
#define ACCUMULATE_ARGUMENTS \
	MOVD y+0(FP), R0; \
	MOVD ldy+8(FP), R1; \
	MOVD x+16(FP), R2; \
	MOVD ldx+24(FP), R3; \
	MOVD w+32(FP), R7; \
	MOVD ldw+40(FP), LD; \
	MOVD table+48(FP), TABLE; \
	MOVD rows+56(FP), R11; \
	MOVD cols+64(FP), R12

// SCALES points R4, R5, R6 and R19 to the first elements of four vectors (the
// pointers to vectors that aren't there are not used).
#define SCALES \
	MOVD R2, R4; \
	ADD R3, R4, R5; \
	ADD R3, R5, R6; \
	ADD R3, R6, R19

// LOAD_SUMSn and STORE_SUMSn move the columns of n vectors at R0, R1 bytes
// apart, between memory and V16..V31: 64 columns of one, 32 of two, 16 of more.
#define LOAD_SUMS1 \
	MOVD R0, R14; \
	VLD1.P 64(R14), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	VLD1.P 64(R14), [V20.S4, V21.S4, V22.S4, V23.S4]; \
	VLD1.P 64(R14), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	VLD1 (R14), [V28.S4, V29.S4, V30.S4, V31.S4]

#define STORE_SUMS1 \
	CANONICAL4(16, V16, V17, V18, V19); \
	CANONICAL4(20, V20, V21, V22, V23); \
	CANONICAL4(24, V24, V25, V26, V27); \
	CANONICAL4(28, V28, V29, V30, V31); \
	MOVD R0, R14; \
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R14); \
	VST1.P [V20.S4, V21.S4, V22.S4, V23.S4], 64(R14); \
	VST1.P [V24.S4, V25.S4, V26.S4, V27.S4], 64(R14); \
	VST1 [V28.S4, V29.S4, V30.S4, V31.S4], (R14)

#define LOAD_SUMS2 \
	MOVD R0, R14; \
	VLD1.P 64(R14), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	VLD1 (R14), [V20.S4, V21.S4, V22.S4, V23.S4]; \
	ADD R1, R0, R14; \
	VLD1.P 64(R14), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	VLD1 (R14), [V28.S4, V29.S4, V30.S4, V31.S4]

#define STORE_SUMS2 \
	CANONICAL4(16, V16, V17, V18, V19); \
	CANONICAL4(20, V20, V21, V22, V23); \
	CANONICAL4(24, V24, V25, V26, V27); \
	CANONICAL4(28, V28, V29, V30, V31); \
	MOVD R0, R14; \
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R14); \
	VST1 [V20.S4, V21.S4, V22.S4, V23.S4], (R14); \
	ADD R1, R0, R14; \
	VST1.P [V24.S4, V25.S4, V26.S4, V27.S4], 64(R14); \
	VST1 [V28.S4, V29.S4, V30.S4, V31.S4], (R14)

#define LOAD_SUMS3 \
	MOVD R0, R14; \
	VLD1 (R14), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	ADD R1, R14; \
	VLD1 (R14), [V20.S4, V21.S4, V22.S4, V23.S4]; \
	ADD R1, R14; \
	VLD1 (R14), [V24.S4, V25.S4, V26.S4, V27.S4]

#define STORE_SUMS3 \
	CANONICAL4(16, V16, V17, V18, V19); \
	CANONICAL4(20, V20, V21, V22, V23); \
	CANONICAL4(24, V24, V25, V26, V27); \
	MOVD R0, R14; \
	VST1 [V16.S4, V17.S4, V18.S4, V19.S4], (R14); \
	ADD R1, R14; \
	VST1 [V20.S4, V21.S4, V22.S4, V23.S4], (R14); \
	ADD R1, R14; \
	VST1 [V24.S4, V25.S4, V26.S4, V27.S4], (R14)

#define LOAD_SUMS4 \
	LOAD_SUMS3; \
	ADD R1, R14; \
	VLD1 (R14), [V28.S4, V29.S4, V30.S4, V31.S4]

#define STORE_SUMS4 \
	CANONICAL4(28, V28, V29, V30, V31); \
	STORE_SUMS3; \
	ADD R1, R14; \
	VST1 [V28.S4, V29.S4, V30.S4, V31.S4], (R14)
