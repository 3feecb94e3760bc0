//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_integer_arm64.h"

// What the sums of a packed strip's groups begin with, for any number of vectors: of each, less the sum of values times what codes
// are kept less than integers, and what exceptions come to. A layer of these, up to four of each row, is spread to the bytes of
// their rows' lanes, where a table of the group's 64 values is looked up.
//
//	R0, R1       sums and values of the group's first vector
//	R2, R3       biases, 4 times the vectors
//	R4, R5, R6   widths, counts, list
//	R7           tiles left
//	R8, R9       spreadEntries, and how many entries each has
//	R10, R11     widths of the group's tiles
//	R12, R13     counts of a layer, a bit for each row with a tail
//	V12, V13     bytes of 0x20 and 1
//	V14, V15     of the widths, as shifts
//	V16..V19     columns of entries, V24..V27 their signs

// SSHL Vd.4S, Vn.4S, Vm.4S; SADDLV Hd, Vn.16B; ADDP8 is ADDP Vd.8H, Vn.8H, Vm.8H
#define SSHL(m, n, d) WORD $(0x4EA04400 | (m)<<16 | (n)<<5 | (d))
#define SADDLV(n, d) WORD $(0x4E303800 | (n)<<5 | (d))
#define ADDP8(m, n, d) WORD $(0x4E60BC00 | (m)<<16 | (n)<<5 | (d))

// LESS is what codes of a width are kept less: with 0 and 8 bits nothing.
#define LESS(width, to) \
	MOVD $1, to; \
	LSL width, to, to; \
	AND $0xFF, to; \
	LSR $1, to

// SPREAD spreads the entries of rows 2j and 2j+1 to v, a byte with no entry as 0x40.
#define SPREAD(j, v) \
	UBFX $(8*(j)), R12, $8, R14; \
	FMOVD (R6), F0; \
	FMOVD (R8)(R14<<3), F1; \
	MOVBU (R9)(R14), R14; \
	VMOVI $0x40, v.B16; \
	VTBX V1.B8, [V0.B16], v.B8; \
	ADD R14, R6

// ENTRIES joins those of four rows, and takes their columns and signs apart: from 64 on no column.
#define ENTRIES(j, columns, signs, n) \
	SPREAD(j, V2); \
	SPREAD(j+1, V3); \
	VZIP1 V3.D2, V2.D2, columns.D2; \
	CMLT0(16+(n), 24+(n)); \
	VORR V13.B16, signs.B16, signs.B16; \
	VAND V11.B16, columns.B16, columns.B16

// ROWS4 adds looked up values in V20, with signs in register n, times 2^width, to the sums of four rows.
#define ROWS4(n, shift, sum) \
	SMULL(n, 20, 21); \
	SMULL2(n, 20, 22); \
	ADDP8(22, 21, 21); \
	SADDLP(21, 21); \
	SSHL(shift, 21, 21); \
	VADD V21.S4, sum.S4, sum.S4

#define ALIKE(columns, n, sum) \
	VTBL columns.B16, [V0.B16, V1.B16, V2.B16, V3.B16], V20.B16; \
	ROWS4(n, 14, sum)

// UNLIKE takes the columns of the first tile and then the others.
#define UNLIKE(columns, n, sum) \
	VTBL columns.B16, [V0.B16, V1.B16], V20.B16; \
	ROWS4(n, 14, sum); \
	VEOR V12.B16, columns.B16, V23.B16; \
	VTBL V23.B16, [V2.B16, V3.B16], V20.B16; \
	ROWS4(n, 15, sum)

TEXT ·stripStartsNEON(SB), NOSPLIT, $0-72
	MOVD sums+0(FP), R0
	MOVD values+8(FP), R1
	MOVD biases+16(FP), R2
	MOVD width+24(FP), R3
	MOVD widths+32(FP), R4
	MOVD counts+40(FP), R5
	MOVD list+48(FP), R6
	MOVD tiles+56(FP), R7
	MOVD $·spreadEntries(SB), R8
	ADD $2048, R8, R9
	VMOVI $0x7F, V11.B16
	VMOVI $0x20, V12.B16
	VMOVI $1, V13.B16

group:
	MOVBU (R4), R10
	MOVD R10, R11
	CMP $1, R7
	BEQ alike
	MOVBU 1(R4), R11
alike:
	LESS(R10, R19)
	LESS(R11, R20)
	SUB R20, R19
	MOVD $0, R15
	MOVD R1, R21
	MOVD R0, R23
begin:
	MOVW (R2)(R15), R14 // −128·Σq
	ASR $7, R14
	MUL R20, R14
	CBZ R19, begun
	FLDPQ (R21), (F0, F1) // the first tile's
	SADDLV(0, 0)
	SADDLV(1, 1)
	VADD V1.H8, V0.H8, V0.H8
	VMOV V0.H[0], R22
	SXTH R22, R22
	MSUB R19, R14, R22, R14
begun:
	VDUP R14, V0.S4
	VMOV V0.B16, V1.B16
	VMOV V0.B16, V2.B16
	VMOV V0.B16, V3.B16
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R23)
	ADD $64, R21
	ADD $4, R15
	CMP R15, R3
	BNE begin

	MOVD (R5), R12
	CBZ R12, next
	VDUP R10, V14.S4
	VDUP R11, V15.S4
	// Rows that count 15 have 14, and a tail.
	AND R12>>1, R12, R13
	AND R13>>2, R13, R13
	AND $0x1111111111111111, R13
	SUB R13, R12
layer:
	ENTRIES(0, V16, V24, 0)
	ENTRIES(2, V17, V25, 1)
	ENTRIES(4, V18, V26, 2)
	ENTRIES(6, V19, V27, 3)
	MOVD R1, R21
	MOVD R0, R23
	MOVD R3, R15
vector:
	VLD1.P 64(R21), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1 (R23), [V4.S4, V5.S4, V6.S4, V7.S4]
	CMP R10, R11
	BNE unlike
	ALIKE(V16, 24, V4)
	ALIKE(V17, 25, V5)
	ALIKE(V18, 26, V6)
	ALIKE(V19, 27, V7)
	B added
unlike:
	UNLIKE(V16, 24, V4)
	UNLIKE(V17, 25, V5)
	UNLIKE(V18, 26, V6)
	UNLIKE(V19, 27, V7)
added:
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R23)
	SUBS $4, R15
	BNE vector
	// Four less of each row that has as many, and none of the others.
	ORR R12>>1, R12, R14
	LSR $2, R14
	AND $0x1111111111111111, R14
	SUB R14<<2, R12
	LSL $4, R14, R15
	SUB R14, R15
	AND R15, R12
	CBNZ R12, layer

	CBZ R13, next
tails: // of the lowest row that has one
	RBIT R13, R19
	CLZ R19, R19 // four times the row
tail:
	MOVBU.P 1(R6), R14
	MOVD R10, R15
	TBZ $5, R14, first
	MOVD R11, R15
first:
	MOVD $1, R20
	LSL R15, R20
	TBZ $7, R14, positive
	NEG R20, R20
positive:
	AND $63, R14, R15
	ADD R1, R15
	ADD R0, R19, R23
	MOVD R3, R21
one:
	MOVB (R15), R22
	MOVW (R23), R24
	MADD R20, R24, R22, R24
	MOVW R24, (R23)
	ADD $64, R15
	ADD $64, R23
	SUBS $4, R21
	BNE one
	TBZ $6, R14, tail
	SUB $1, R13, R14
	ANDS R14, R13
	BNE tails

next:
	ADD R3<<4, R0
	ADD R3<<4, R3, R14
	ADD R3, R14
	ADD R14, R1
	ADD R14, R2
	ADD $2, R4
	ADD $8, R5
	SUBS $2, R7
	BGT group
	RET
