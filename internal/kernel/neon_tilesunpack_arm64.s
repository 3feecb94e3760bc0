//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_tiles_arm64.h"

// Tiles of lattice codes in strip order, without exceptions: n tiles at R4 go to R0.

// STORE stores codes, those kept as 0 being V8.
#define STORE(q, h) \
	VADD V8.B16, V6.B16, V6.B16; \
	FMOVQ F6, (64*(q)+16*(h))(R0)

#define NO_SUM(h)

#define UNPACK(bits, least, TILE) \
	MOVD dst+0(FP), R0; \
	MOVD lines+8(FP), R4; \
	MOVD n+16(FP), R2; \
	VMOVI $least, V8.B16; \
loop: \
	TILE(STORE, STORE, NO_SUM); \
	ADD $512, R0; \
	ADD $(64*(bits)), R4; \
	SUBS $1, R2; \
	BNE loop; \
	RET

TEXT ·unpackTiles0NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD n+16(FP), R2
	VMOVI $128, V0.B16
	VMOVI $128, V1.B16
	VMOVI $128, V2.B16
	VMOVI $128, V3.B16
	LSL $3, R2
loop:
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	SUBS $1, R2
	BNE loop
	RET

TEXT ·unpackTiles2NEON(SB), NOSPLIT, $0-24
	UNPACK(2, 126, TILE2)

TEXT ·unpackTiles3NEON(SB), NOSPLIT, $0-24
	UNPACK(3, 124, TILE3)

TEXT ·unpackTiles4NEON(SB), NOSPLIT, $0-24
	UNPACK(4, 120, TILE4)

TEXT ·unpackTiles5NEON(SB), NOSPLIT, $0-24
	UNPACK(5, 112, TILE5)

TEXT ·unpackTiles6NEON(SB), NOSPLIT, $0-24
	UNPACK(6, 96, TILE6)

TEXT ·unpackTiles7NEON(SB), NOSPLIT, $0-24
	UNPACK(7, 64, TILE7)

TEXT ·unpackTiles8NEON(SB), NOSPLIT, $0-24
	UNPACK(8, 128, TILE8)
