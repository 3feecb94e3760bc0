//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_integer_arm64.h"
#include "neon_tiles_arm64.h"
#include "neon_tilesproduct_arm64.h"

// Products from packed tiles with what every arm64 CPU has: one or two vectors. Sums of 16 bits of vector b, each a column of the
// quads of two rows, are in V(24+2b) and the next.

// DUP Vd.4S, Vn.S[i]
#define DUP(i, n, d) WORD $(0x4E040400 | (i)<<19 | (n)<<5 | (d))

// ADD4 is ADD Vd.4S, Vn.4S, Vm.4S.
#define ADD4(m, n, d) WORD $(0x4EA08400 | (m)<<16 | (n)<<5 | (d))

#define FIRST1(q, h) \
	DUP((q)%4, 8+(q)/4, 7); \
	SMULL(7, 6, 24); \
	SMULL2(7, 6, 25)
#define FIRST2(q, h) \
	FIRST1(q, h); \
	DUP((q)%4, 10+(q)/4, 7); \
	SMULL(7, 6, 26); \
	SMULL2(7, 6, 27)

#define NEXT1(q, h) \
	DUP((q)%4, 8+(q)/4, 7); \
	SMLAL(7, 6, 24); \
	SMLAL2(7, 6, 25)
#define NEXT2(q, h) \
	NEXT1(q, h); \
	DUP((q)%4, 10+(q)/4, 7); \
	SMLAL(7, 6, 26); \
	SMLAL2(7, 6, 27)

#define SUM1(h) \
	SADDLP(24, 24); \
	SADDLP(25, 25); \
	VADDP V25.S4, V24.S4, V24.S4; \
	ADD4(24, 16+(h), 16+(h))
#define SUM2(h) \
	SUM1(h); \
	SADDLP(26, 26); \
	SADDLP(27, 27); \
	VADDP V27.S4, V26.S4, V26.S4; \
	ADD4(26, 20+(h), 20+(h))

TEXT ·stripTiles1NEON(SB), NOSPLIT, $0-64
	TILES_PRODUCT(LOAD_STARTS1, LOAD_VALUES1, FIRST1, NEXT1, SUM1, OUTPUTS1)

TEXT ·stripTiles2NEON(SB), NOSPLIT, $0-64
	TILES_PRODUCT(LOAD_STARTS2, LOAD_VALUES2, FIRST2, NEXT2, SUM2, OUTPUTS2)
