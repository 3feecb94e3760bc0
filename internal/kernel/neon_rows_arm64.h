// Kernels of weights that lie row by row. A file that has them defines
//
//	LANES(q)    16 columns of ROW, from column q on, to V0..V3 in lane order
//	COLUMNS(q)  the same in column order
//	COLUMN      one column to R13, ROW moved on by it
//	SETUP       constants that stay in registers
//	GROUP       bytes of 64 columns
//
// They may use V4..V11, R13 and R20..R23. V12..V15 hold activations.

// FILL copies the last count (1..63) columns of ROW to the stack, as float32
// padded with +0, and points ROW there.
#define FILL(count) \
	MOVD $buffer-256(SP), R14; \
	ZERO4(V0, V1, V2, V3); \
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R14); \
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R14); \
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R14); \
	VST1 [V0.B16, V1.B16, V2.B16, V3.B16], (R14); \
	MOVD $buffer-256(SP), R14; \
column: \
	COLUMN; \
	MOVW.P R13, 4(R14); \
	SUBS $1, count; \
	BNE column; \
	MOVD $buffer-256(SP), ROW

// TIMES adds the weights times 16 activations, off bytes into their steps, to a sum.
#define TIMES(off, sum) \
	FMOVQ (off)(R3), F12; \
	FMOVQ (off)(R4), F13; \
	FMOVQ (off)(R5), F14; \
	FMOVQ (off)(R6), F15; \
	VFMLA V12.S4, V0.S4, sum.S4; \
	VFMLA V13.S4, V1.S4, sum.S4; \
	VFMLA V14.S4, V2.S4, sum.S4; \
	VFMLA V15.S4, V3.S4, sum.S4

// DOT_GROUPn multiplies 64 columns, loaded by the macro W, by n vectors.
#define DOT_QUAD1(W, q, a) W(q); TIMES(q, a)
#define DOT_QUAD2(W, q, a, b) DOT_QUAD1(W, q, a); TIMES(64+q, b)
#define DOT_QUAD3(W, q, a, b, c) DOT_QUAD2(W, q, a, b); TIMES(128+q, c)
#define DOT_QUAD4(W, q, a, b, c, d) DOT_QUAD3(W, q, a, b, c); TIMES(192+q, d)

#define DOT_GROUP1(W) \
	DOT_QUAD1(W, 0, V16); \
	DOT_QUAD1(W, 16, V17); \
	DOT_QUAD1(W, 32, V18); \
	DOT_QUAD1(W, 48, V19)

#define DOT_GROUP2(W) \
	DOT_QUAD2(W, 0, V16, V20); \
	DOT_QUAD2(W, 16, V17, V21); \
	DOT_QUAD2(W, 32, V18, V22); \
	DOT_QUAD2(W, 48, V19, V23)

#define DOT_GROUP3(W) \
	DOT_QUAD3(W, 0, V16, V20, V24); \
	DOT_QUAD3(W, 16, V17, V21, V25); \
	DOT_QUAD3(W, 32, V18, V22, V26); \
	DOT_QUAD3(W, 48, V19, V23, V27)

#define DOT_GROUP4(W) \
	DOT_QUAD4(W, 0, V16, V20, V24, V28); \
	DOT_QUAD4(W, 16, V17, V21, V25, V29); \
	DOT_QUAD4(W, 32, V18, V22, V26, V30); \
	DOT_QUAD4(W, 48, V19, V23, V27, V31)

// DOT_SUMn stores n results, R2 bytes apart.
#define DOT_SUM1 \
	SUM(16, 17, 18, 19); \
	FMOVS F0, (R0)

#define DOT_SUM2 \
	DOT_SUM1; \
	ADD R2, R0; \
	SUM(20, 21, 22, 23); \
	FMOVS F0, (R0)

#define DOT_SUM3 \
	DOT_SUM2; \
	ADD R2, R0; \
	SUM(24, 25, 26, 27); \
	FMOVS F0, (R0)

#define DOT_SUM4 \
	DOT_SUM3; \
	ADD R2, R0; \
	SUM(28, 29, 30, 31); \
	FMOVS F0, (R0)

// DOT is the body of a dotFunc for one row, MULTIPLY and STORE being DOT_GROUPn
// and DOT_SUMn. It needs 256 bytes of stack.
#define DOT(MULTIPLY, STORE) \
	MOVD y+0(FP), R0; \
	MOVD ldyBatch+16(FP), R2; \
	MOVD x+24(FP), R1; \
	MOVD xstep+32(FP), R7; \
	MOVD w+40(FP), ROW; \
	MOVD table+56(FP), TABLE; \
	MOVD n+64(FP), R12; \
	STEPS(R1, R7); \
	LSL $2, R7; \
	SETUP; \
	ZERO4(V16, V17, V18, V19); \
	ZERO4(V20, V21, V22, V23); \
	ZERO4(V24, V25, V26, V27); \
	ZERO4(V28, V29, V30, V31); \
	LSR $6, R12, R11; \
	CBZ R11, tail; \
loop: \
	MULTIPLY(LANES); \
	NEXT_STEPS; \
	ADD $GROUP, ROW; \
	SUBS $1, R11; \
	BNE loop; \
tail: \
	ANDS $63, R12; \
	BEQ done; \
	FILL(R12); \
	MULTIPLY(FLOAT_LANES); \
done: \
	LOAD_NAN; \
	STORE

// STORE_LANES writes 64 columns, loaded by the macro W, as steps 256 bytes apart.
#define STORE_LANES(W) \
	STORE_QUAD(W, 0); \
	STORE_QUAD(W, 16); \
	STORE_QUAD(W, 32); \
	STORE_QUAD(W, 48)

#define STORE_QUAD(W, q) \
	W(q); \
	FMOVQ F0, (q)(R1); \
	FMOVQ F1, (256+q)(R1); \
	FMOVQ F2, (512+q)(R1); \
	FMOVQ F3, (768+q)(R1)

// DECODE_LANES is the body of a decodeLanesFunc: row after row. It needs 256
// bytes of stack.
#define DECODE_LANES \
	MOVD dst+0(FP), R0; \
	MOVD w+8(FP), R7; \
	MOVD ldw+16(FP), LD; \
	MOVD table+24(FP), TABLE; \
	MOVD n+32(FP), R12; \
	SETUP; \
	MOVD $4, R11; \
row: \
	MOVD R7, ROW; \
	MOVD R0, R1; \
	LSR $6, R12, R2; \
	CBZ R2, tail; \
loop: \
	STORE_LANES(LANES); \
	ADD $1024, R1; \
	ADD $GROUP, ROW; \
	SUBS $1, R2; \
	BNE loop; \
tail: \
	ANDS $63, R12, R2; \
	BEQ next; \
	FILL(R2); \
	STORE_LANES(FLOAT_LANES); \
next: \
	ADD LD, R7; \
	ADD $64, R0; \
	SUBS $1, R11; \
	BNE row

#define STORE_COLUMNS(q) \
	COLUMNS(q); \
	FSTPQ (F0, F1), (4*q)(R0); \
	FSTPQ (F2, F3), (4*q+32)(R0)

// DECODE_COLUMNS is the body of a decodeColumnsFunc.
#define DECODE_COLUMNS \
	MOVD dst+0(FP), R0; \
	MOVD w+8(FP), ROW; \
	MOVD ldw+16(FP), LD; \
	MOVD table+24(FP), TABLE; \
	MOVD rows+32(FP), R11; \
	SETUP; \
row: \
	STORE_COLUMNS(0); \
	STORE_COLUMNS(16); \
	STORE_COLUMNS(32); \
	STORE_COLUMNS(48); \
	ADD LD, ROW; \
	ADD $256, R0; \
	SUBS $1, R11; \
	BNE row

// ADD_ROWn adds one row, scaled by the elements at R4.. of n vectors, to the
// sums of 64/n columns (for three vectors, 16): fewer sums would make a row wait
// for the one before it, more don't fit.
#define ADD_ROW1 \
	VLD1R.P 4(R4), [V12.S4]; \
	COLUMNS(0); \
	SCALE(V12, V16, V17, V18, V19); \
	COLUMNS(16); \
	SCALE(V12, V20, V21, V22, V23); \
	COLUMNS(32); \
	SCALE(V12, V24, V25, V26, V27); \
	COLUMNS(48); \
	SCALE(V12, V28, V29, V30, V31)

#define ADD_ROW2 \
	VLD1R.P 4(R4), [V12.S4]; \
	VLD1R.P 4(R5), [V13.S4]; \
	COLUMNS(0); \
	SCALE(V12, V16, V17, V18, V19); \
	SCALE(V13, V24, V25, V26, V27); \
	COLUMNS(16); \
	SCALE(V12, V20, V21, V22, V23); \
	SCALE(V13, V28, V29, V30, V31)

#define ADD_ROW3 \
	VLD1R.P 4(R4), [V12.S4]; \
	VLD1R.P 4(R5), [V13.S4]; \
	VLD1R.P 4(R6), [V14.S4]; \
	COLUMNS(0); \
	SCALE(V12, V16, V17, V18, V19); \
	SCALE(V13, V20, V21, V22, V23); \
	SCALE(V14, V24, V25, V26, V27)

#define ADD_ROW4 \
	VLD1R.P 4(R19), [V15.S4]; \
	ADD_ROW3; \
	SCALE(V15, V28, V29, V30, V31)

// ACCUMULATE is the body of an accumulateFunc that keeps the sums of 1<<log
// columns: ADD_ROW is ADD_ROWn, LOAD and STORE are for the sums (see below).
#define ACCUMULATE(ADD_ROW, log, LOAD, STORE) \
	ACCUMULATE_ARGUMENTS; \
	LSR $log, R12; \
	SETUP; \
part: \
	SCALES; \
	LOAD; \
	MOVD R7, ROW; \
	MOVD R11, R15; \
row: \
	ADD_ROW; \
	ADD LD, ROW; \
	SUBS $1, R15; \
	BNE row; \
	LOAD_NAN; \
	STORE; \
	ADD $((GROUP>>6)<<log), R7; \
	ADD $(4<<log), R0; \
	SUBS $1, R12; \
	BNE part

#define ACCUMULATE1 ACCUMULATE(ADD_ROW1, 6, LOAD_SUMS1, STORE_SUMS1)
#define ACCUMULATE2 ACCUMULATE(ADD_ROW2, 5, LOAD_SUMS2, STORE_SUMS2)
#define ACCUMULATE3 ACCUMULATE(ADD_ROW3, 4, LOAD_SUMS3, STORE_SUMS3)
#define ACCUMULATE4 ACCUMULATE(ADD_ROW4, 4, LOAD_SUMS4, STORE_SUMS4)
