// The codes of a tile of package tiles, from its lines: one macro for each width. Sixteen bytes of a line are a quarter: four of
// the strip's rows, a 32-bit element each, so that a quarter of a tile is the same bytes of all of its lines.
//
//	R4       the tile's lines
//	V0..V2   a quarter of the lines at hand, the widest part's first
//	V3..V5   masks
//	V6, V7   codes of a quad, and what is shifted meanwhile
//
// Codes are as they are kept, from 0 on; only those of 8 bits are integers. FIRST(q, h) takes those of quad q and quarter h, NEXT(q, h)
// those of the quads after it, for as long as products with 127 add up in 16 bits, and SUM(h) comes behind these.

#define LINE(l, h, f) FMOVQ (64*(l)+16*(h))(R4), f

// Bits of the widest part.
#define LOW_HALF VAND V3.B16, V0.B16, V6.B16
#define HIGH_HALF VUSHR $4, V0.B16, V6.B16
#define PAIR0 VAND V3.B16, V0.B16, V6.B16
#define PAIR(n) VUSHR $n, V0.B16, V6.B16; VAND V3.B16, V6.B16, V6.B16
#define PAIR3 VUSHR $6, V0.B16, V6.B16

// Bits of another part, in a line to be shifted, which a mask has.
#define LEFT(n, line, mask) VSHL $n, line.B16, V7.B16; VBIT mask.B16, V7.B16, V6.B16
#define RIGHT(n, line, mask) VUSHR $n, line.B16, V7.B16; VBIT mask.B16, V7.B16, V6.B16
#define STAY(line, mask) VBIT mask.B16, line.B16, V6.B16

#define QUARTERS(QUARTER, FIRST, NEXT, SUM) \
	QUARTER(0, FIRST, NEXT, SUM); \
	QUARTER(1, FIRST, NEXT, SUM); \
	QUARTER(2, FIRST, NEXT, SUM); \
	QUARTER(3, FIRST, NEXT, SUM)

#define QUARTER2(h, FIRST, NEXT, SUM) \
	LINE(0, h, F0); \
	PAIR0; FIRST(0, h); \
	PAIR(2); NEXT(1, h); \
	PAIR(4); NEXT(2, h); \
	PAIR3; NEXT(3, h); \
	LINE(1, h, F0); \
	PAIR0; NEXT(4, h); \
	PAIR(2); NEXT(5, h); \
	PAIR(4); NEXT(6, h); \
	PAIR3; NEXT(7, h); \
	SUM(h)

#define TILE2(FIRST, NEXT, SUM) \
	VMOVI $0x03, V3.B16; \
	QUARTERS(QUARTER2, FIRST, NEXT, SUM)

#define QUARTER3(h, FIRST, NEXT, SUM) \
	LINE(0, h, F0); \
	LINE(2, h, F1); \
	PAIR0; LEFT(2, V1, V4); FIRST(0, h); \
	PAIR(2); LEFT(1, V1, V4); NEXT(1, h); \
	PAIR(4); STAY(V1, V4); NEXT(2, h); \
	PAIR3; RIGHT(1, V1, V4); NEXT(3, h); \
	LINE(1, h, F0); \
	PAIR0; RIGHT(2, V1, V4); NEXT(4, h); \
	PAIR(2); RIGHT(3, V1, V4); NEXT(5, h); \
	PAIR(4); RIGHT(4, V1, V4); NEXT(6, h); \
	PAIR3; RIGHT(5, V1, V4); NEXT(7, h); \
	SUM(h)

#define TILE3(FIRST, NEXT, SUM) \
	VMOVI $0x03, V3.B16; \
	VMOVI $0x04, V4.B16; \
	QUARTERS(QUARTER3, FIRST, NEXT, SUM)

#define QUARTER4(h, FIRST, NEXT, SUM) \
	LINE(0, h, F0); \
	LOW_HALF; FIRST(0, h); \
	HIGH_HALF; NEXT(1, h); \
	LINE(1, h, F0); \
	LOW_HALF; NEXT(2, h); \
	HIGH_HALF; NEXT(3, h); \
	LINE(2, h, F0); \
	LOW_HALF; NEXT(4, h); \
	HIGH_HALF; NEXT(5, h); \
	LINE(3, h, F0); \
	LOW_HALF; NEXT(6, h); \
	HIGH_HALF; NEXT(7, h); \
	SUM(h)

#define TILE4(FIRST, NEXT, SUM) \
	VMOVI $0x0F, V3.B16; \
	QUARTERS(QUARTER4, FIRST, NEXT, SUM)

#define QUARTER5(h, FIRST, NEXT, SUM) \
	LINE(0, h, F0); \
	LINE(4, h, F1); \
	LOW_HALF; LEFT(4, V1, V4); FIRST(0, h); \
	HIGH_HALF; LEFT(3, V1, V4); NEXT(1, h); \
	LINE(1, h, F0); \
	LOW_HALF; LEFT(2, V1, V4); NEXT(2, h); \
	HIGH_HALF; LEFT(1, V1, V4); NEXT(3, h); \
	LINE(2, h, F0); \
	LOW_HALF; STAY(V1, V4); NEXT(4, h); \
	HIGH_HALF; RIGHT(1, V1, V4); NEXT(5, h); \
	LINE(3, h, F0); \
	LOW_HALF; RIGHT(2, V1, V4); NEXT(6, h); \
	HIGH_HALF; RIGHT(3, V1, V4); NEXT(7, h); \
	SUM(h)

#define TILE5(FIRST, NEXT, SUM) \
	VMOVI $0x0F, V3.B16; \
	VMOVI $0x10, V4.B16; \
	QUARTERS(QUARTER5, FIRST, NEXT, SUM)

#define QUARTER6(h, FIRST, NEXT, SUM) \
	LINE(0, h, F0); \
	LINE(4, h, F1); \
	LOW_HALF; LEFT(4, V1, V4); FIRST(0, h); \
	HIGH_HALF; LEFT(2, V1, V4); NEXT(1, h); \
	LINE(1, h, F0); \
	LOW_HALF; STAY(V1, V4); NEXT(2, h); \
	HIGH_HALF; RIGHT(2, V1, V4); NEXT(3, h); \
	SUM(h); \
	LINE(2, h, F0); \
	LINE(5, h, F1); \
	LOW_HALF; LEFT(4, V1, V4); FIRST(4, h); \
	HIGH_HALF; LEFT(2, V1, V4); NEXT(5, h); \
	LINE(3, h, F0); \
	LOW_HALF; STAY(V1, V4); NEXT(6, h); \
	HIGH_HALF; RIGHT(2, V1, V4); NEXT(7, h); \
	SUM(h)

#define TILE6(FIRST, NEXT, SUM) \
	VMOVI $0x0F, V3.B16; \
	VMOVI $0x30, V4.B16; \
	QUARTERS(QUARTER6, FIRST, NEXT, SUM)

#define QUARTER7(h, FIRST, NEXT, SUM) \
	LINE(0, h, F0); \
	LINE(4, h, F1); \
	LINE(6, h, F2); \
	LOW_HALF; LEFT(4, V1, V4); LEFT(6, V2, V5); FIRST(0, h); \
	HIGH_HALF; LEFT(2, V1, V4); LEFT(5, V2, V5); NEXT(1, h); \
	SUM(h); \
	LINE(1, h, F0); \
	LOW_HALF; STAY(V1, V4); LEFT(4, V2, V5); FIRST(2, h); \
	HIGH_HALF; RIGHT(2, V1, V4); LEFT(3, V2, V5); NEXT(3, h); \
	SUM(h); \
	LINE(2, h, F0); \
	LINE(5, h, F1); \
	LOW_HALF; LEFT(4, V1, V4); LEFT(2, V2, V5); FIRST(4, h); \
	HIGH_HALF; LEFT(2, V1, V4); LEFT(1, V2, V5); NEXT(5, h); \
	SUM(h); \
	LINE(3, h, F0); \
	LOW_HALF; STAY(V1, V4); STAY(V2, V5); FIRST(6, h); \
	HIGH_HALF; RIGHT(2, V1, V4); RIGHT(1, V2, V5); NEXT(7, h); \
	SUM(h)

#define TILE7(FIRST, NEXT, SUM) \
	VMOVI $0x0F, V3.B16; \
	VMOVI $0x30, V4.B16; \
	VMOVI $0x40, V5.B16; \
	QUARTERS(QUARTER7, FIRST, NEXT, SUM)

#define INTEGERS(l, h) LINE(l, h, F6); VEOR V3.B16, V6.B16, V6.B16

#define QUARTER8(h, FIRST, NEXT, SUM) \
	INTEGERS(0, h); FIRST(0, h); \
	INTEGERS(1, h); NEXT(1, h); \
	SUM(h); \
	INTEGERS(2, h); FIRST(2, h); \
	INTEGERS(3, h); NEXT(3, h); \
	SUM(h); \
	INTEGERS(4, h); FIRST(4, h); \
	INTEGERS(5, h); NEXT(5, h); \
	SUM(h); \
	INTEGERS(6, h); FIRST(6, h); \
	INTEGERS(7, h); NEXT(7, h); \
	SUM(h)

#define TILE8(FIRST, NEXT, SUM) \
	VMOVI $0x80, V3.B16; \
	QUARTERS(QUARTER8, FIRST, NEXT, SUM)

// BY_WIDTH goes to the label of the width in R9.
#define BY_WIDTH \
	CMP $4, R9; \
	BEQ width4; \
	BGT above; \
	CMP $3, R9; \
	BEQ width3; \
	CBZ R9, width0; \
	B width2; \
above: \
	CMP $6, R9; \
	BLT width5; \
	BEQ width6; \
	CMP $7, R9; \
	BEQ width7; \
	B width8

// TILE_OF_WIDTH does a tile of the width in R9, and passes over its lines.
#define TILE_OF_WIDTH(FIRST, NEXT, SUM) \
	BY_WIDTH; \
width2: \
	TILE2(FIRST, NEXT, SUM); \
	B tiled; \
width3: \
	TILE3(FIRST, NEXT, SUM); \
	B tiled; \
width4: \
	TILE4(FIRST, NEXT, SUM); \
	B tiled; \
width5: \
	TILE5(FIRST, NEXT, SUM); \
	B tiled; \
width6: \
	TILE6(FIRST, NEXT, SUM); \
	B tiled; \
width7: \
	TILE7(FIRST, NEXT, SUM); \
	B tiled; \
width8: \
	TILE8(FIRST, NEXT, SUM); \
tiled: \
	ADD R9<<6, R4, R4; \
width0:
