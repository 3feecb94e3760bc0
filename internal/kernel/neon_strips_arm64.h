// Kernels of packed weights: strips of four rows, see Packed. A file that has
// them defines
//
//	INDEX0(q) .. INDEX3(q)  16 indices of row 0..3 of the strip at ROW, from
//	                        column q on, to V4
//	MASK                    sets V6 to what they need
//	GROUP                   bytes of 64 columns of a strip
//
// and for the codebook
//
//	LOOKUP(FIRST, SECOND)   the weights of the indices in V4 to V0..V3, in lane
//	                        order by VTRN1 and VTRN2, in column order by VZIP1
//	                        and VZIP2; an index of 255 gives +0
//	TABLES                  loads what that needs to V7 and V8 .. V15 or V23
//
// INDEX and LOOKUP may use V0..V5.

// WHOLE and CUT come between index and lookup: CUT makes the indices of columns
// past the end 255. R19 is where columnMask has the mask of the pass at hand.
#define WHOLE(q)
#define CUT(q) \
	FMOVQ (q)(R19), F5; \
	VORR V5.B16, V4.B16, V4.B16

// LANES and COLUMNS are 16 weights of a row.
#define LANES(INDEX, q, END) \
	INDEX(q); \
	END(q); \
	LOOKUP(VTRN1, VTRN2)

#define COLUMNS(INDEX, q) \
	INDEX(q); \
	LOOKUP(VZIP1, VZIP2)

// MASK_POINTER points R19 to the mask for n mod 64 columns.
#define MASK_POINTER(n) \
	MOVD $columnMask<>(SB), R19; \
	ADD $64, R19; \
	AND $63, n, R20; \
	SUB R20, R19

// Products. A pass takes one or two quads of all four rows; where it keeps the
// activations depends on the room that the tables leave.

// LOAD_X loads 16 activations of one vector, off bytes into their steps.
#define LOAD_X(off, a, b, c, d) \
	FMOVQ (off)(R3), a; \
	FMOVQ (off)(R4), b; \
	FMOVQ (off)(R5), c; \
	FMOVQ (off)(R6), d

// TIMES adds the weights times activations in four registers to a sum.
#define TIMES(a, b, c, d, sum) \
	VFMLA a.S4, V0.S4, sum.S4; \
	VFMLA b.S4, V1.S4, sum.S4; \
	VFMLA c.S4, V2.S4, sum.S4; \
	VFMLA d.S4, V3.S4, sum.S4

// DOT_WIDE: one vector, two quads. The sums of the first are V24..V27.
#define DOT_WIDE(END) \
	LOAD_X(0, F16, F17, F18, F19); \
	LANES(INDEX0, 0, END); TIMES(V16, V17, V18, V19, V24); \
	LANES(INDEX1, 0, END); TIMES(V16, V17, V18, V19, V25); \
	LANES(INDEX2, 0, END); TIMES(V16, V17, V18, V19, V26); \
	LANES(INDEX3, 0, END); TIMES(V16, V17, V18, V19, V27); \
	LOAD_X(16, F16, F17, F18, F19); \
	LANES(INDEX0, 16, END); TIMES(V16, V17, V18, V19, V28); \
	LANES(INDEX1, 16, END); TIMES(V16, V17, V18, V19, V29); \
	LANES(INDEX2, 16, END); TIMES(V16, V17, V18, V19, V30); \
	LANES(INDEX3, 16, END); TIMES(V16, V17, V18, V19, V31)

#define KEEP_WIDE \
	FSTPQ (F24, F28), (R14); \
	FSTPQ (F25, F29), 64(R14); \
	FSTPQ (F26, F30), 128(R14); \
	FSTPQ (F27, F31), 192(R14)

// DOT_NARROW: one vector, one quad, tables up to V23.
#define DOT_NARROW(END) \
	LOAD_X(0, F24, F25, F26, F27); \
	LANES(INDEX0, 0, END); TIMES(V24, V25, V26, V27, V28); \
	LANES(INDEX1, 0, END); TIMES(V24, V25, V26, V27, V29); \
	LANES(INDEX2, 0, END); TIMES(V24, V25, V26, V27, V30); \
	LANES(INDEX3, 0, END); TIMES(V24, V25, V26, V27, V31)

#define KEEP_NARROW \
	FMOVQ F28, (R14); \
	FMOVQ F29, 64(R14); \
	FMOVQ F30, 128(R14); \
	FMOVQ F31, 192(R14)

// DOT_PAIR: two vectors, one quad.
#define DOT_PAIR(END) \
	LOAD_X(0, F16, F17, F18, F19); \
	LOAD_X(64, F20, F21, F22, F23); \
	LANES(INDEX0, 0, END); TIMES(V16, V17, V18, V19, V24); TIMES(V20, V21, V22, V23, V28); \
	LANES(INDEX1, 0, END); TIMES(V16, V17, V18, V19, V25); TIMES(V20, V21, V22, V23, V29); \
	LANES(INDEX2, 0, END); TIMES(V16, V17, V18, V19, V26); TIMES(V20, V21, V22, V23, V30); \
	LANES(INDEX3, 0, END); TIMES(V16, V17, V18, V19, V27); TIMES(V20, V21, V22, V23, V31)

#define KEEP_PAIR \
	FMOVQ F24, (R14); \
	FMOVQ F25, 64(R14); \
	FMOVQ F26, 128(R14); \
	FMOVQ F27, 192(R14); \
	FMOVQ F28, 256(R14); \
	FMOVQ F29, 320(R14); \
	FMOVQ F30, 384(R14); \
	FMOVQ F31, 448(R14)

// DOT is the body of a dotFunc for a strip, in passes of 16·quads columns of
// each group. The sums are kept on the stack at buffer, as [vector][row][lane].
#define DOT(MULTIPLY, KEEP, quads, vectors, buffer) \
	MOVD x+24(FP), R21; \
	MOVD xstep+32(FP), R22; \
	MOVD w+40(FP), R2; \
	MOVD table+56(FP), TABLE; \
	MOVD n+64(FP), R12; \
	LSL $2, R22, R7; \
	MASK_POINTER(R12); \
	MASK; \
	TABLES; \
	MOVD $buffer, R14; \
	MOVD $(4/quads), R15; \
pass: \
	STEPS(R21, R22); \
	MOVD R2, ROW; \
	ZERO4(V24, V25, V26, V27); \
	ZERO4(V28, V29, V30, V31); \
	LSR $6, R12, R11; \
	CBZ R11, tail; \
loop: \
	MULTIPLY(WHOLE); \
	NEXT_STEPS; \
	ADD $GROUP, ROW; \
	SUBS $1, R11; \
	BNE loop; \
tail: \
	ANDS $63, R12, R11; \
	BEQ done; \
	MULTIPLY(CUT); \
done: \
	KEEP; \
	ADD $(16*quads), R14; \
	ADD $(16*quads), R21; \
	ADD $(16*quads), R2; \
	ADD $(16*quads), R19; \
	SUBS $1, R15; \
	BNE pass; \
	MOVD y+0(FP), R0; \
	MOVD ldyRow+8(FP), R1; \
	MOVD ldyBatch+16(FP), R2; \
	LOAD_NAN; \
	MOVD $buffer, R14; \
	MOVD $vectors, R12; \
vector: \
	MOVD R0, R3; \
	MOVD $4, R11; \
row: \
	VLD1.P 64(R14), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	SUM(16, 17, 18, 19); \
	FMOVS F0, (R3); \
	ADD R1, R3; \
	SUBS $1, R11; \
	BNE row; \
	ADD R2, R0; \
	SUBS $1, R12; \
	BNE vector

// Decoding.

#define STORE_LANES(INDEX, r, q, END) \
	LANES(INDEX, q, END); \
	FMOVQ F0, (64*r+q)(R0); \
	FMOVQ F1, (64*r+q+256)(R0); \
	FMOVQ F2, (64*r+q+512)(R0); \
	FMOVQ F3, (64*r+q+768)(R0)

#define STORE_ROW_LANES(INDEX, r, END) \
	STORE_LANES(INDEX, r, 0, END); \
	STORE_LANES(INDEX, r, 16, END); \
	STORE_LANES(INDEX, r, 32, END); \
	STORE_LANES(INDEX, r, 48, END)

#define STORE_STRIP_LANES(END) \
	STORE_ROW_LANES(INDEX0, 0, END); \
	STORE_ROW_LANES(INDEX1, 1, END); \
	STORE_ROW_LANES(INDEX2, 2, END); \
	STORE_ROW_LANES(INDEX3, 3, END)

// DECODE_LANES is the body of a decodeLanesFunc.
#define DECODE_LANES \
	MOVD dst+0(FP), R0; \
	MOVD w+8(FP), ROW; \
	MOVD table+24(FP), TABLE; \
	MOVD n+32(FP), R12; \
	MASK_POINTER(R12); \
	MASK; \
	TABLES; \
	LSR $6, R12, R11; \
	CBZ R11, tail; \
loop: \
	STORE_STRIP_LANES(WHOLE); \
	ADD $1024, R0; \
	ADD $GROUP, ROW; \
	SUBS $1, R11; \
	BNE loop; \
tail: \
	ANDS $63, R12; \
	BEQ done; \
	STORE_STRIP_LANES(CUT); \
done:

#define STORE_COLUMNS(INDEX, r, q) \
	COLUMNS(INDEX, q); \
	FSTPQ (F0, F1), (256*r+4*q)(R0); \
	FSTPQ (F2, F3), (256*r+4*q+32)(R0)

#define STORE_ROW_COLUMNS(INDEX, r) \
	STORE_COLUMNS(INDEX, r, 0); \
	STORE_COLUMNS(INDEX, r, 16); \
	STORE_COLUMNS(INDEX, r, 32); \
	STORE_COLUMNS(INDEX, r, 48)

// DECODE_COLUMNS is the body of a decodeColumnsFunc.
#define DECODE_COLUMNS \
	MOVD dst+0(FP), R0; \
	MOVD w+8(FP), ROW; \
	MOVD ldw+16(FP), LD; \
	MOVD table+24(FP), TABLE; \
	MOVD rows+32(FP), R11; \
	MASK; \
	TABLES; \
strip: \
	STORE_ROW_COLUMNS(INDEX0, 0); \
	STORE_ROW_COLUMNS(INDEX1, 1); \
	STORE_ROW_COLUMNS(INDEX2, 2); \
	STORE_ROW_COLUMNS(INDEX3, 3); \
	ADD LD, ROW; \
	ADD $1024, R0; \
	SUBS $4, R11; \
	BNE strip

// Accumulation. ADD_ROWn adds one row of the strip, scaled by the elements at
// R4.. of n vectors, to V16..V31 as in neon_rows_arm64.h.

#define SCALE_BY(x, a, b, c, d) \
	VLD1R (x), [V4.S4]; \
	SCALE(V4, a, b, c, d)

#define ADD_ROW1(INDEX) \
	COLUMNS(INDEX, 0); \
	SCALE_BY(R4, V16, V17, V18, V19); \
	COLUMNS(INDEX, 16); \
	SCALE_BY(R4, V20, V21, V22, V23); \
	COLUMNS(INDEX, 32); \
	SCALE_BY(R4, V24, V25, V26, V27); \
	COLUMNS(INDEX, 48); \
	SCALE_BY(R4, V28, V29, V30, V31)

#define ADD_ROW2(INDEX) \
	COLUMNS(INDEX, 0); \
	SCALE_BY(R4, V16, V17, V18, V19); \
	SCALE_BY(R5, V24, V25, V26, V27); \
	COLUMNS(INDEX, 16); \
	SCALE_BY(R4, V20, V21, V22, V23); \
	SCALE_BY(R5, V28, V29, V30, V31)

#define ADD_ROW3(INDEX) \
	COLUMNS(INDEX, 0); \
	SCALE_BY(R4, V16, V17, V18, V19); \
	SCALE_BY(R5, V20, V21, V22, V23); \
	SCALE_BY(R6, V24, V25, V26, V27)

#define ADD_ROW4(INDEX) \
	ADD_ROW3(INDEX); \
	SCALE_BY(R19, V28, V29, V30, V31)

#define NEXT_SCALES \
	ADD $4, R4; \
	ADD $4, R5; \
	ADD $4, R6; \
	ADD $4, R19

// ACCUMULATE is the body of an accumulateFunc that keeps the sums of 1<<log columns.
#define ACCUMULATE(ADD_ROW, log, LOAD, STORE) \
	ACCUMULATE_ARGUMENTS; \
	LSR $6, R12; \
	MASK; \
	TABLES; \
group: \
	MOVD $(64>>log), R13; \
part: \
	SCALES; \
	LOAD; \
	MOVD R7, ROW; \
	MOVD R11, R15; \
strip: \
	ADD_ROW(INDEX0); NEXT_SCALES; \
	ADD_ROW(INDEX1); NEXT_SCALES; \
	ADD_ROW(INDEX2); NEXT_SCALES; \
	ADD_ROW(INDEX3); NEXT_SCALES; \
	ADD LD, ROW; \
	SUBS $4, R15; \
	BNE strip; \
	LOAD_NAN; \
	STORE; \
	ADD $(1<<log), R7; \
	ADD $(4<<log), R0; \
	SUBS $1, R13; \
	BNE part; \
	ADD $(GROUP-64), R7; \
	SUBS $1, R12; \
	BNE group

#define ACCUMULATE1 ACCUMULATE(ADD_ROW1, 6, LOAD_SUMS1, STORE_SUMS1)
#define ACCUMULATE2 ACCUMULATE(ADD_ROW2, 5, LOAD_SUMS2, STORE_SUMS2)
#define ACCUMULATE3 ACCUMULATE(ADD_ROW3, 4, LOAD_SUMS3, STORE_SUMS3)
#define ACCUMULATE4 ACCUMULATE(ADD_ROW4, 4, LOAD_SUMS4, STORE_SUMS4)

// PLANE is where a Table has byte plane p, 0 the lowest.
#define PLANE(p) (1024+256*(p))

// Joining what was looked up.

// JOIN_BF16 makes float32 of the upper byte planes, V0 (highest) and V1: zipped
// they are the upper halves; the lower ones are V7, zero.
#define JOIN_BF16(FIRST, SECOND) \
	VZIP1 V0.B16, V1.B16, V4.B16; \
	VZIP2 V0.B16, V1.B16, V5.B16; \
	FIRST V4.H8, V7.H8, V0.H8; \
	SECOND V4.H8, V7.H8, V1.H8; \
	FIRST V5.H8, V7.H8, V2.H8; \
	SECOND V5.H8, V7.H8, V3.H8

// JOIN_F32 makes float32 of the byte planes in V0 (highest) .. V3.
#define JOIN_F32(FIRST, SECOND) \
	VZIP1 V0.B16, V1.B16, V4.B16; \
	VZIP2 V0.B16, V1.B16, V5.B16; \
	VZIP1 V2.B16, V3.B16, V0.B16; \
	VZIP2 V2.B16, V3.B16, V1.B16; \
	FIRST V5.H8, V1.H8, V2.H8; \
	SECOND V5.H8, V1.H8, V3.H8; \
	SECOND V4.H8, V0.H8, V1.H8; \
	FIRST V4.H8, V0.H8, V0.H8

// columnMask<> + 64 - n is 64 bytes, those from n on 255.
DATA columnMask<>+0(SB)/8, $0
DATA columnMask<>+8(SB)/8, $0
DATA columnMask<>+16(SB)/8, $0
DATA columnMask<>+24(SB)/8, $0
DATA columnMask<>+32(SB)/8, $0
DATA columnMask<>+40(SB)/8, $0
DATA columnMask<>+48(SB)/8, $0
DATA columnMask<>+56(SB)/8, $0
DATA columnMask<>+64(SB)/8, $-1
DATA columnMask<>+72(SB)/8, $-1
DATA columnMask<>+80(SB)/8, $-1
DATA columnMask<>+88(SB)/8, $-1
DATA columnMask<>+96(SB)/8, $-1
DATA columnMask<>+104(SB)/8, $-1
DATA columnMask<>+112(SB)/8, $-1
DATA columnMask<>+120(SB)/8, $-1
GLOBL columnMask<>(SB), RODATA|NOPTR, $128
