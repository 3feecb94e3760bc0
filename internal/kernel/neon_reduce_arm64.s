//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

TEXT ·reduceNEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD sums+8(FP), R1
	MOVD count+16(FP), R2
	LOAD_NAN
loop:
	VLD1.P 64(R1), [V16.S4, V17.S4, V18.S4, V19.S4]
	SUM(16, 17, 18, 19)
	FMOVS.P F0, 4(R0)
	SUBS $1, R2
	BNE loop
	RET

// MERGE ors 64 bytes at a pointer into V4..V7.
#define MERGE(p) \
	VLD1.P 64(p), [V0.B16, V1.B16, V2.B16, V3.B16]; \
	VORR V0.B16, V4.B16, V4.B16; \
	VORR V1.B16, V5.B16, V5.B16; \
	VORR V2.B16, V6.B16, V6.B16; \
	VORR V3.B16, V7.B16, V7.B16

TEXT ·readNEON(SB), NOSPLIT, $0-24
	MOVD p+0(FP), R0
	MOVD n+8(FP), R4
	ADD R4, R0, R1
	ADD R4, R1, R2
	ADD R4, R2, R3
	ZERO4(V4, V5, V6, V7)
loop:
	MERGE(R0)
	MERGE(R0)
	MERGE(R1)
	MERGE(R1)
	MERGE(R2)
	MERGE(R2)
	MERGE(R3)
	MERGE(R3)
	SUBS $128, R4
	BNE loop
	VORR V5.B16, V4.B16, V4.B16
	VORR V7.B16, V6.B16, V6.B16
	VORR V6.B16, V4.B16, V4.B16
	VMOV V4.D[0], R0
	VMOV V4.D[1], R1
	ORR R1, R0
	MOVD R0, ret+16(FP)
	RET
