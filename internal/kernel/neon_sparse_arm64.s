//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// Sparse rows: chains of scalar fused multiply-adds, see Sparse.

// ROWS goes over the entries of R7 rows: BEGIN, ENTRY for each of them, END,
// unless there are none; NEXT for each row. R4 points to the starts, R5 and R6
// to columns and corrections; ENTRY finds them in R14 and F4.
#define ROWS(BEGIN, ENTRY, END, NEXT) \
	MOVWU.P 4(R4), R9; \
rows: \
	MOVWU.P 4(R4), R10; \
	CMP R9, R10; \
	BEQ empty; \
	BEGIN; \
entries: \
	MOVWU (R5)(R9<<2), R14; \
	FMOVS (R6)(R9<<2), F4; \
	ENTRY; \
	ADD $1, R9; \
	CMP R9, R10; \
	BNE entries; \
	END; \
empty: \
	NEXT; \
	SUBS $1, R7; \
	BNE rows

// sparseDot: vectors at R2, R11, R12, R13, their sums in F0..F3.

#define SPARSE_DOT(MULTIPLY, STORE) \
	MOVD y+0(FP), R0; \
	MOVD ldy+8(FP), R1; \
	MOVD x+16(FP), R2; \
	MOVD ldx+24(FP), R3; \
	MOVD start+32(FP), R4; \
	MOVD col+40(FP), R5; \
	MOVD delta+48(FP), R6; \
	MOVD rows+56(FP), R7; \
	ADD R3, R2, R11; \
	ADD R3, R11, R12; \
	ADD R3, R12, R13; \
	LOAD_NAN; \
	ROWS(CLEAR, MULTIPLY, STORE, NEXT_SUM)

#define CLEAR ZERO4(V0, V1, V2, V3)

#define NEXT_SUM ADD $4, R0

#define ADD_TO(x, sum) \
	FMOVS (x)(R14<<2), F6; \
	FMADDS F6, sum, F4, sum

#define ADD1 ADD_TO(R2, F0)
#define ADD2 ADD1; ADD_TO(R11, F1)
#define ADD3 ADD2; ADD_TO(R12, F2)
#define ADD4 ADD3; ADD_TO(R13, F3)

#define COMPLETE(sum) \
	FMOVS (R15), F6; \
	FADDS F6, sum, sum; \
	FCMPS sum, sum; \
	FCSELS VS, F5, sum, sum; \
	FMOVS sum, (R15); \
	ADD R1, R15

#define STORE1 MOVD R0, R15; COMPLETE(F0)
#define STORE2 STORE1; COMPLETE(F1)
#define STORE3 STORE2; COMPLETE(F2)
#define STORE4 STORE3; COMPLETE(F3)

TEXT ·sparseDot1NEON(SB), NOSPLIT, $0-64
	SPARSE_DOT(ADD1, STORE1)
	RET

TEXT ·sparseDot2NEON(SB), NOSPLIT, $0-64
	SPARSE_DOT(ADD2, STORE2)
	RET

TEXT ·sparseDot3NEON(SB), NOSPLIT, $0-64
	SPARSE_DOT(ADD3, STORE3)
	RET

TEXT ·sparseDot4NEON(SB), NOSPLIT, $0-64
	SPARSE_DOT(ADD4, STORE4)
	RET

// sparseAccumulate: z at R0, the element of x that goes with the row in F0.

#define LOAD_SCALE FMOVS (R1), F0
#define NEXT_SCALE ADD $4, R1
#define NOTHING

#define ADD_ENTRY \
	FMOVS (R0)(R14<<2), F1; \
	FMADDS F4, F1, F0, F1; \
	FMOVS F1, (R0)(R14<<2)

TEXT ·sparseAccumulateNEON(SB), NOSPLIT, $0-48
	MOVD z+0(FP), R0
	MOVD x+8(FP), R1
	MOVD start+16(FP), R4
	MOVD col+24(FP), R5
	MOVD delta+32(FP), R6
	MOVD rows+40(FP), R7
	ROWS(LOAD_SCALE, ADD_ENTRY, NOTHING, NEXT_SCALE)
	RET
