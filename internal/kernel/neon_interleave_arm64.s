//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// Rows of index bytes to strip order and back: blocks of four rows and sixteen columns, four by four elements of 32 bits, are
// transposed. R0 is the strip, R1 to R4 are four rows, and R5 is four times their distance.

// TRANSPOSE takes V0..V3 to V16..V19.
#define TRANSPOSE \
	VTRN1 V1.S4, V0.S4, V4.S4; \
	VTRN2 V1.S4, V0.S4, V5.S4; \
	VTRN1 V3.S4, V2.S4, V6.S4; \
	VTRN2 V3.S4, V2.S4, V7.S4; \
	VZIP1 V6.D2, V4.D2, V16.D2; \
	VZIP1 V7.D2, V5.D2, V17.D2; \
	VZIP2 V6.D2, V4.D2, V18.D2; \
	VZIP2 V7.D2, V5.D2, V19.D2

// TO_STRIP takes columns 16i… of four rows, and TO_ROWS puts them back.
#define TO_STRIP(i, rows) \
	FMOVQ (16*(i))(R1), F0; \
	FMOVQ (16*(i))(R2), F1; \
	FMOVQ (16*(i))(R3), F2; \
	FMOVQ (16*(i))(R4), F3; \
	TRANSPOSE; \
	FMOVQ F16, (256*(i)+16*(rows))(R0); \
	FMOVQ F17, (256*(i)+64+16*(rows))(R0); \
	FMOVQ F18, (256*(i)+128+16*(rows))(R0); \
	FMOVQ F19, (256*(i)+192+16*(rows))(R0)
#define TO_ROWS(i, rows) \
	FMOVQ (256*(i)+16*(rows))(R0), F0; \
	FMOVQ (256*(i)+64+16*(rows))(R0), F1; \
	FMOVQ (256*(i)+128+16*(rows))(R0), F2; \
	FMOVQ (256*(i)+192+16*(rows))(R0), F3; \
	TRANSPOSE; \
	FMOVQ F16, (16*(i))(R1); \
	FMOVQ F17, (16*(i))(R2); \
	FMOVQ F18, (16*(i))(R3); \
	FMOVQ F19, (16*(i))(R4)

// ROWS points to the first four of rows ld apart.
#define ROWS(rows, ld) \
	MOVD rows, R1; \
	ADD ld, R1, R2; \
	ADD ld, R2, R3; \
	ADD ld, R3, R4; \
	LSL $2, ld, R5
#define NEXT_ROWS \
	ADD R5, R1; \
	ADD R5, R2; \
	ADD R5, R3; \
	ADD R5, R4

// TILE moves sixteen rows of 32 columns.
#define TILE(MOVE) \
	MOVE(0, 0); \
	MOVE(1, 0); \
	NEXT_ROWS; \
	MOVE(0, 1); \
	MOVE(1, 1); \
	NEXT_ROWS; \
	MOVE(0, 2); \
	MOVE(1, 2); \
	NEXT_ROWS; \
	MOVE(0, 3); \
	MOVE(1, 3)

TEXT ·interleaveTileNEON(SB), NOSPLIT, $0-24
	MOVD tile+0(FP), R0
	MOVD rows+8(FP), R6
	MOVD ld+16(FP), R7
	ROWS(R6, R7)
	TILE(TO_STRIP)
	RET

TEXT ·interleaveNEON(SB), NOSPLIT, $0-32
	MOVD codes+0(FP), R0
	MOVD rows+8(FP), R6
	MOVD ld+16(FP), R7
	MOVD groups+24(FP), R8
	LSL $1, R8 // tiles
loop:
	ROWS(R6, R7)
	TILE(TO_STRIP)
	ADD $32, R6
	ADD $512, R0
	SUBS $1, R8
	BNE loop
	RET

TEXT ·deinterleaveNEON(SB), NOSPLIT, $0-32
	MOVD rows+0(FP), R6
	MOVD ld+8(FP), R7
	MOVD strip+16(FP), R0
	MOVD n+24(FP), R8
loop:
	ROWS(R6, R7)
	TILE(TO_ROWS)
	ADD $32, R6
	ADD $512, R0
	SUBS $1, R8
	BNE loop
	RET
