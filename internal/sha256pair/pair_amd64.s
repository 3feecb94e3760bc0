//go:build !noasm

#include "textflag.h"

// func cpuid(leaf uint32) (eax, ebx, ecx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-20
	MOVL leaf+0(FP), AX
	XORL CX, CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	RET

// Four rounds of a message: m are its next four words, abef and cdgh its state, k the place of the rounds' constants.
#define ROUNDS(k, m, abef, cdgh) \
	MOVO m, X0                   \
	PADDD k(R8), X0              \
	SHA256RNDS2 X0, abef, cdgh   \
	PSHUFD $0x0e, X0, X0         \
	SHA256RNDS2 X0, cdgh, abef

// The four words after m, m1, m2 and m3, in the place of m.
#define WORDS(m, m1, m2, m3) \
	SHA256MSG1 m1, m         \
	MOVO m3, X13             \
	PALIGNR $4, m2, X13      \
	PADDD X13, m             \
	SHA256MSG2 m3, m

#define BOTH(k, a, a1, a2, a3, b, b1, b2, b3) \
	ROUNDS(k, a, X1, X2)                      \
	ROUNDS(k, b, X7, X8)                      \
	WORDS(a, a1, a2, a3)                      \
	WORDS(b, b1, b2, b3)

#define LAST(k, a, b)    \
	ROUNDS(k, a, X1, X2) \
	ROUNDS(k, b, X7, X8)

#define LOAD(i, a, b)  \
	MOVOU i(SI), a     \
	PSHUFB X15, a      \
	MOVOU i(DX), b     \
	PSHUFB X15, b

#define STORE(i, x, from) \
	MOVOU i(from), X13    \
	PADDD X13, x          \
	MOVOU x, i(from)

// func blocks(x, y *state, a, b *byte, n int)
TEXT ·blocks(SB), NOSPLIT, $0-40
	MOVQ x+0(FP), DI
	MOVQ y+8(FP), R9
	MOVQ a+16(FP), SI
	MOVQ b+24(FP), DX
	MOVQ n+32(FP), CX
	LEAQ constants<>(SB), R8
	MOVOU swap<>(SB), X15
	MOVOU (DI), X1
	MOVOU 16(DI), X2
	MOVOU (R9), X7
	MOVOU 16(R9), X8

loop:
	LOAD(0, X3, X9)
	LOAD(16, X4, X10)
	LOAD(32, X5, X11)
	LOAD(48, X6, X12)
	BOTH(0, X3, X4, X5, X6, X9, X10, X11, X12)
	BOTH(16, X4, X5, X6, X3, X10, X11, X12, X9)
	BOTH(32, X5, X6, X3, X4, X11, X12, X9, X10)
	BOTH(48, X6, X3, X4, X5, X12, X9, X10, X11)
	BOTH(64, X3, X4, X5, X6, X9, X10, X11, X12)
	BOTH(80, X4, X5, X6, X3, X10, X11, X12, X9)
	BOTH(96, X5, X6, X3, X4, X11, X12, X9, X10)
	BOTH(112, X6, X3, X4, X5, X12, X9, X10, X11)
	BOTH(128, X3, X4, X5, X6, X9, X10, X11, X12)
	BOTH(144, X4, X5, X6, X3, X10, X11, X12, X9)
	BOTH(160, X5, X6, X3, X4, X11, X12, X9, X10)
	BOTH(176, X6, X3, X4, X5, X12, X9, X10, X11)
	LAST(192, X3, X9)
	LAST(208, X4, X10)
	LAST(224, X5, X11)
	LAST(240, X6, X12)
	STORE(0, X1, DI)
	STORE(16, X2, DI)
	STORE(0, X7, R9)
	STORE(16, X8, R9)
	ADDQ $64, SI
	ADDQ $64, DX
	DECQ CX
	JNZ  loop
	RET

// The bytes of a big-endian word the other way round.
DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

// Fractional parts of the cube roots of the first 64 primes.
DATA constants<>+0(SB)/8, $0x71374491428a2f98
DATA constants<>+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA constants<>+16(SB)/8, $0x59f111f13956c25b
DATA constants<>+24(SB)/8, $0xab1c5ed5923f82a4
DATA constants<>+32(SB)/8, $0x12835b01d807aa98
DATA constants<>+40(SB)/8, $0x550c7dc3243185be
DATA constants<>+48(SB)/8, $0x80deb1fe72be5d74
DATA constants<>+56(SB)/8, $0xc19bf1749bdc06a7
DATA constants<>+64(SB)/8, $0xefbe4786e49b69c1
DATA constants<>+72(SB)/8, $0x240ca1cc0fc19dc6
DATA constants<>+80(SB)/8, $0x4a7484aa2de92c6f
DATA constants<>+88(SB)/8, $0x76f988da5cb0a9dc
DATA constants<>+96(SB)/8, $0xa831c66d983e5152
DATA constants<>+104(SB)/8, $0xbf597fc7b00327c8
DATA constants<>+112(SB)/8, $0xd5a79147c6e00bf3
DATA constants<>+120(SB)/8, $0x1429296706ca6351
DATA constants<>+128(SB)/8, $0x2e1b213827b70a85
DATA constants<>+136(SB)/8, $0x53380d134d2c6dfc
DATA constants<>+144(SB)/8, $0x766a0abb650a7354
DATA constants<>+152(SB)/8, $0x92722c8581c2c92e
DATA constants<>+160(SB)/8, $0xa81a664ba2bfe8a1
DATA constants<>+168(SB)/8, $0xc76c51a3c24b8b70
DATA constants<>+176(SB)/8, $0xd6990624d192e819
DATA constants<>+184(SB)/8, $0x106aa070f40e3585
DATA constants<>+192(SB)/8, $0x1e376c0819a4c116
DATA constants<>+200(SB)/8, $0x34b0bcb52748774c
DATA constants<>+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA constants<>+216(SB)/8, $0x682e6ff35b9cca4f
DATA constants<>+224(SB)/8, $0x78a5636f748f82ee
DATA constants<>+232(SB)/8, $0x8cc7020884c87814
DATA constants<>+240(SB)/8, $0xa4506ceb90befffa
DATA constants<>+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL constants<>(SB), RODATA|NOPTR, $256
