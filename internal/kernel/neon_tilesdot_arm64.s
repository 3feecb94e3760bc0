//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "neon_integer_arm64.h"
#include "neon_tiles_arm64.h"
#include "neon_tilesproduct_arm64.h"

// Products from packed tiles with the dot-product instructions: one to four vectors.

#define DOT1(q, h) SDOT(8+(q)/4, (q)%4, 6, 16+(h))
#define DOT2(q, h) DOT1(q, h); SDOT(10+(q)/4, (q)%4, 6, 20+(h))
#define DOT3(q, h) DOT2(q, h); SDOT(12+(q)/4, (q)%4, 6, 24+(h))
#define DOT4(q, h) DOT3(q, h); SDOT(14+(q)/4, (q)%4, 6, 28+(h))

#define NO_SUM(h)

TEXT ·stripTiles1SDOT(SB), NOSPLIT, $0-64
	TILES_PRODUCT(LOAD_STARTS1, LOAD_VALUES1, DOT1, DOT1, NO_SUM, OUTPUTS1)

TEXT ·stripTiles2SDOT(SB), NOSPLIT, $0-64
	TILES_PRODUCT(LOAD_STARTS2, LOAD_VALUES2, DOT2, DOT2, NO_SUM, OUTPUTS2)

TEXT ·stripTiles3SDOT(SB), NOSPLIT, $0-64
	TILES_PRODUCT(LOAD_STARTS3, LOAD_VALUES3, DOT3, DOT3, NO_SUM, OUTPUTS3)

TEXT ·stripTiles4SDOT(SB), NOSPLIT, $0-64
	TILES_PRODUCT(LOAD_STARTS4, LOAD_VALUES4, DOT4, DOT4, NO_SUM, OUTPUTS4)
