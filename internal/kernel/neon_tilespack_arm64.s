//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// What packing a tile takes, R1 being the tile.

// UADALP8 is UADALP Vd.8H, Vn.16B; ABS Vd.16B, Vn.16B; CMTST Vd.16B, Vn.16B, Vm.16B
#define UADALP8(n, d) WORD $(0x6E206800 | (n)<<5 | (d))
#define ABS(n, d) WORD $(0x4E20B800 | (n)<<5 | (d))
#define CMTST(m, n, d) WORD $(0x4E208C00 | (m)<<16 | (n)<<5 | (d))

// SIZES counts entries of sixteen codes, at most 32 a byte and width: in V2 .. V7 those of 2 to 7 bits, in V23 of none.
// V8 .. V13 have half of each width's step, V15 bytes of 0x80.
#define SIZES(v) \
	VEOR V15.B16, v.B16, V0.B16; \
	CMLT0(0, 1); \
	VEOR V0.B16, V1.B16, V1.B16; /* of a negative integer z, -1-z */ \
	ABS(0, 0); \
	UADALP8(0, 23); \
	VADD V8.B16, V1.B16, V14.B16; \
	VUSRA $2, V14.B16, V2.B16; \
	VADD V9.B16, V1.B16, V14.B16; \
	VUSRA $3, V14.B16, V3.B16; \
	VADD V10.B16, V1.B16, V14.B16; \
	VUSRA $4, V14.B16, V4.B16; \
	VADD V11.B16, V1.B16, V14.B16; \
	VUSRA $5, V14.B16, V5.B16; \
	VADD V12.B16, V1.B16, V14.B16; \
	VUSRA $6, V14.B16, V6.B16; \
	VADD V13.B16, V1.B16, V14.B16; \
	VUSRA $7, V14.B16, V7.B16

// FIELD puts a sum of eight halves into a word, from a bit on.
#define FIELD(v, f, bit, word) \
	VUADDLV v.H8, v; \
	FMOVS f, R3; \
	ORR R3<<bit, word, word

// OUTSIDE makes of sixteen codes bytes with one bit each, of those that have any of V5 after V4 is subtracted; V6 has the bits.
#define OUTSIDE(n, v) \
	VSUB V4.B16, v.B16, v.B16; \
	CMTST(5, n, n); \
	VAND V6.B16, v.B16, v.B16

// The lines of a tile are written a quarter at a time, to R0; a quarter's quads are in V16 .. V23, less the least code in V4.
#define QUAD(q, f, v) \
	FMOVQ (64*(q))(R1), f; \
	VSUB V4.B16, v.B16, v.B16
#define QUADS \
	QUAD(0, F16, V16); \
	QUAD(1, F17, V17); \
	QUAD(2, F18, V18); \
	QUAD(3, F19, V19); \
	QUAD(4, F20, V20); \
	QUAD(5, F21, V21); \
	QUAD(6, F22, V22); \
	QUAD(7, F23, V23)

// DROP drops the lowest bits, which are in their lines.
#define DROP(n) \
	VUSHR $n, V16.B16, V16.B16; \
	VUSHR $n, V17.B16, V17.B16; \
	VUSHR $n, V18.B16, V18.B16; \
	VUSHR $n, V19.B16, V19.B16; \
	VUSHR $n, V20.B16, V20.B16; \
	VUSHR $n, V21.B16, V21.B16; \
	VUSHR $n, V22.B16, V22.B16; \
	VUSHR $n, V23.B16, V23.B16

#define HALVES(l, a, b) \
	VMOV a.B16, V0.B16; \
	VSLI $4, b.B16, V0.B16; \
	FMOVQ F0, (64*(l))(R0)
#define PART4 \
	HALVES(0, V16, V17); \
	HALVES(1, V18, V19); \
	HALVES(2, V20, V21); \
	HALVES(3, V22, V23)

#define PAIRS(l, a, b, c, d) \
	VMOV a.B16, V0.B16; \
	VSLI $2, b.B16, V0.B16; \
	VSLI $4, c.B16, V0.B16; \
	VSLI $6, d.B16, V0.B16; \
	FMOVQ F0, (64*(l))(R0)
#define PART2(l) \
	PAIRS(l, V16, V17, V18, V19); \
	PAIRS(l+1, V20, V21, V22, V23)

#define PART1(l) \
	VSLI $1, V17.B16, V16.B16; \
	VSLI $2, V18.B16, V16.B16; \
	VSLI $3, V19.B16, V16.B16; \
	VSLI $4, V20.B16, V16.B16; \
	VSLI $5, V21.B16, V16.B16; \
	VSLI $6, V22.B16, V16.B16; \
	VSLI $7, V23.B16, V16.B16; \
	FMOVQ F16, (64*(l))(R0)

#define PACK(least, PARTS) \
	MOVD lines+0(FP), R0; \
	MOVD tile+8(FP), R1; \
	MOVD $4, R2; \
	VMOVI $least, V4.B16; \
loop: \
	QUADS; \
	PARTS; \
	ADD $16, R0; \
	ADD $16, R1; \
	SUBS $1, R2; \
	BNE loop; \
	RET

#define PARTS2 PART2(0)
#define PARTS3 PART2(0); DROP(2); PART1(2)
#define PARTS4 PART4
#define PARTS5 PART4; DROP(4); PART1(4)
#define PARTS6 PART4; DROP(4); PART2(4)
#define PARTS7 PART4; DROP(4); PART2(4); DROP(2); PART1(6)

TEXT ·tileEntriesNEON(SB), NOSPLIT, $0-24
	MOVD tile+0(FP), R1
	MOVD $8, R2
	VMOVI $2, V8.B16
	VMOVI $4, V9.B16
	VMOVI $8, V10.B16
	VMOVI $16, V11.B16
	VMOVI $32, V12.B16
	VMOVI $64, V13.B16
	VMOVI $128, V15.B16
	ZERO4(V20, V21, V22, V23)
	ZERO4(V24, V25, V26, V27)
loop:
	VLD1.P 64(R1), [V16.B16, V17.B16, V18.B16, V19.B16]
	ZERO4(V2, V3, V4, V5)
	ZERO(V6)
	ZERO(V7)
	SIZES(V16)
	SIZES(V17)
	SIZES(V18)
	SIZES(V19)
	UADALP8(2, 20)
	UADALP8(3, 21)
	UADALP8(4, 22)
	UADALP8(5, 24)
	UADALP8(6, 25)
	UADALP8(7, 26)
	SUBS $1, R2
	BNE loop
	MOVD $0, R4
	MOVD $0, R5
	FIELD(V20, F20, 0, R4)
	FIELD(V21, F21, 16, R4)
	FIELD(V22, F22, 32, R4)
	FIELD(V24, F24, 48, R4)
	FIELD(V25, F25, 0, R5)
	FIELD(V26, F26, 16, R5)
	FIELD(V23, F23, 32, R5)
	MOVD R4, a+8(FP)
	MOVD R5, b+16(FP)
	RET

TEXT ·tileOutsideNEON(SB), NOSPLIT, $0-24
	MOVD outside+0(FP), R0
	MOVD tile+8(FP), R1
	MOVWU least+16(FP), R2
	MOVWU mask+20(FP), R3
	VDUP R2, V4.S4
	VDUP R3, V5.S4
	MOVD $0x8040201008040201, R2
	VDUP R2, V6.D2
	MOVD $8, R2
loop:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	OUTSIDE(0, V0)
	OUTSIDE(1, V1)
	OUTSIDE(2, V2)
	OUTSIDE(3, V3)
	VADDP V1.B16, V0.B16, V0.B16
	VADDP V3.B16, V2.B16, V2.B16
	VADDP V2.B16, V0.B16, V0.B16
	VADDP V0.B16, V0.B16, V0.B16
	FMOVD.P F0, 8(R0)
	SUBS $1, R2
	BNE loop
	RET

TEXT ·packTile2NEON(SB), NOSPLIT, $0-16
	PACK(126, PARTS2)

TEXT ·packTile3NEON(SB), NOSPLIT, $0-16
	PACK(124, PARTS3)

TEXT ·packTile4NEON(SB), NOSPLIT, $0-16
	PACK(120, PARTS4)

TEXT ·packTile5NEON(SB), NOSPLIT, $0-16
	PACK(112, PARTS5)

TEXT ·packTile6NEON(SB), NOSPLIT, $0-16
	PACK(96, PARTS6)

TEXT ·packTile7NEON(SB), NOSPLIT, $0-16
	PACK(64, PARTS7)
