//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// A delta net's and a Mamba-2 layer's step: 32 columns side by side take all rows in order. Products and sums are rounded one by
// one, so nothing is fused.
//
//	R0, R1       the columns of the state, bytes to the next row
//	R2, R3, R4   query, key, how many keys
//	R5, R6, R7   value, out, columns left
//	R8 .. R11    the row, key and query at hand, rows left
//	V0..V7       a row, V8..V15 value, V16..V23 sums
//	V24..V27     keep, take, key, query

#define STEP_ARGUMENTS \
	MOVD state+0(FP), R0; \
	MOVD ld+8(FP), R1; \
	MOVD query+16(FP), R2; \
	MOVD key+24(FP), R3; \
	MOVD keys+32(FP), R4; \
	MOVD value+40(FP), R5; \
	MOVD out+48(FP), R6; \
	MOVD columns+56(FP), R7; \
	MOVWU keep+64(FP), R8; \
	MOVWU take+68(FP), R9; \
	VDUP R8, V24.S4; \
	VDUP R9, V25.S4

// EIGHT does something for each register of columns.
#define EIGHT(DO) DO(0); DO(1); DO(2); DO(3); DO(4); DO(5); DO(6); DO(7)

#define LOAD_ROW \
	MOVD R8, R12; \
	VLD1.P 64(R12), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	VLD1 (R12), [V4.S4, V5.S4, V6.S4, V7.S4]
#define STORE_ROW \
	MOVD R8, R12; \
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R12); \
	VST1 [V4.S4, V5.S4, V6.S4, V7.S4], (R12); \
	ADD R1, R8
#define LOAD_VALUE \
	MOVD R5, R12; \
	VLD1.P 64(R12), [V8.S4, V9.S4, V10.S4, V11.S4]; \
	VLD1 (R12), [V12.S4, V13.S4, V14.S4, V15.S4]
#define FIRST_ROW \
	ZERO4(V16, V17, V18, V19); \
	ZERO4(V20, V21, V22, V23); \
	MOVD R0, R8; \
	MOVD R3, R9; \
	MOVD R2, R10; \
	MOVD R4, R11
#define NEXT_COLUMNS \
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R6); \
	VST1.P [V20.S4, V21.S4, V22.S4, V23.S4], 64(R6); \
	ADD $128, R0; \
	ADD $128, R5; \
	SUBS $32, R7

#define KEEP(i) FMUL(24, i, i)
#define BY_KEY(i) FMUL(26, i, i)
#define BY_QUERY(i) FMUL(27, i, i)
#define ADD_UP(i) FADD(i, 16+(i), 16+(i))
#define REST(i) FSUB(16+(i), 8+(i), 8+(i)); FMUL(25, 8+(i), 8+(i))
// ADDED adds value times the key to a row, by way of V28..V31.
#define ADDED(i) FMUL(26, 8+(i), 28+(i)%4); FADD(28+(i)%4, i, i)

TEXT ·deltaStepNEON(SB), NOSPLIT, $0-72
	STEP_ARGUMENTS
columns:
	FIRST_ROW
had:
	VLD1R.P 4(R9), [V26.S4]
	LOAD_ROW
	EIGHT(KEEP)
	STORE_ROW
	EIGHT(BY_KEY)
	EIGHT(ADD_UP)
	SUBS $1, R11
	BNE had
	LOAD_VALUE
	EIGHT(REST)
	MOVD R5, R12
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R12)
	VST1 [V12.S4, V13.S4, V14.S4, V15.S4], (R12)
	FIRST_ROW
answer:
	VLD1R.P 4(R9), [V26.S4]
	VLD1R.P 4(R10), [V27.S4]
	LOAD_ROW
	EIGHT(ADDED)
	STORE_ROW
	EIGHT(BY_QUERY)
	EIGHT(ADD_UP)
	SUBS $1, R11
	BNE answer
	NEXT_COLUMNS
	BNE columns
	RET

TEXT ·scanStepNEON(SB), NOSPLIT, $0-72
	STEP_ARGUMENTS
columns:
	FIRST_ROW
	LOAD_VALUE
rows:
	VLD1R.P 4(R9), [V26.S4]
	FMUL(25, 26, 26)
	VLD1R.P 4(R10), [V27.S4]
	LOAD_ROW
	EIGHT(KEEP)
	EIGHT(ADDED)
	STORE_ROW
	EIGHT(BY_QUERY)
	EIGHT(ADD_UP)
	SUBS $1, R11
	BNE rows
	NEXT_COLUMNS
	BNE columns
	RET
