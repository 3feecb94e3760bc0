// Products of few vectors straight from packed tiles, on top of what each group's sums begin with. The registers of neon_integer_arm64.h
// and neon_tiles_arm64.h, and
//
//	R1          what sums begin with
//	R5, R7      tiles left, their widths
//	R8, R11     values of the tile at hand, their end in the group
//	V8..V15     those of the first vector, then of the others
//	V16..V31    sums, four registers a vector

#define TILES_PRODUCT(LOAD_STARTS, LOAD_VALUES, FIRST, NEXT, SUM, OUTPUTS) \
	MOVD y+0(FP), R0; \
	MOVD sums+8(FP), R1; \
	MOVD values+16(FP), R2; \
	MOVD biases+24(FP), R3; \
	MOVD width+32(FP), R6; \
	MOVD widths+40(FP), R7; \
	MOVD lines+48(FP), R4; \
	MOVD tiles+56(FP), R5; \
	ADD R6, R3; \
	ADD R6<<3, R6, R6; \
	ADD R6, R6; \
group: \
	LOAD_STARTS; \
	MOVD R2, R8; \
	ADD $64, R2, R11; \
tile: \
	LOAD_VALUES; \
	MOVBU.P 1(R7), R9; \
	TILE_OF_WIDTH(FIRST, NEXT, SUM); \
	ADD $32, R8; \
	SUBS $1, R5; \
	BEQ last; \
	CMP R8, R11; \
	BNE tile; \
last: \
	OUTPUTS_BEGIN; \
	OUTPUTS; \
	OUTPUTS_END; \
	CBNZ R5, group; \
	RET

#define LOAD_STARTS1 VLD1.P 64(R1), [V16.S4, V17.S4, V18.S4, V19.S4]
#define LOAD_STARTS2 LOAD_STARTS1; VLD1.P 64(R1), [V20.S4, V21.S4, V22.S4, V23.S4]
#define LOAD_STARTS3 LOAD_STARTS2; VLD1.P 64(R1), [V24.S4, V25.S4, V26.S4, V27.S4]
#define LOAD_STARTS4 LOAD_STARTS3; VLD1.P 64(R1), [V28.S4, V29.S4, V30.S4, V31.S4]

#define LOAD_VALUES1 FLDPQ (R8), (F8, F9)
#define LOAD_VALUES2 LOAD_VALUES1; FLDPQ 64(R8), (F10, F11)
#define LOAD_VALUES3 LOAD_VALUES2; FLDPQ 128(R8), (F12, F13)
#define LOAD_VALUES4 LOAD_VALUES3; FLDPQ 192(R8), (F14, F15)

#define OUTPUTS1 OUTPUT(16, V16, V17, V18, V19)
#define OUTPUTS2 OUTPUTS1; OUTPUT(20, V20, V21, V22, V23)
#define OUTPUTS3 OUTPUTS2; OUTPUT(24, V24, V25, V26, V27)
#define OUTPUTS4 OUTPUTS3; OUTPUT(28, V28, V29, V30, V31)
