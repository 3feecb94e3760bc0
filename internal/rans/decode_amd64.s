//go:build !noasm

#include "textflag.h"

// One step: Z0 and Z1 are the states of lanes 0-15 and 16-31.
//   Z20 4095, Z21 0xffff0000 in every lane

// func decodeAVX512(dst *byte, steps int, words *byte, left int, states *[32]uint32, entries *[4096+16]uint32) (done, taken int)
TEXT ·decodeAVX512(SB), NOSPLIT, $0-64
	MOVQ dst+0(FP), DI
	MOVQ steps+8(FP), CX
	MOVQ words+16(FP), SI
	MOVQ left+24(FP), DX
	MOVQ states+32(FP), R8
	MOVQ entries+40(FP), R9
	VMOVDQU32 (R8), Z0
	VMOVDQU32 64(R8), Z1
	MOVL $4095, AX
	VPBROADCASTD AX, Z20
	MOVL $0xffff0000, AX
	VPBROADCASTD AX, Z21
	MOVQ SI, R10
	LEAQ -64(SI)(DX*2), R11 // the last place where 32 words are left
	XORQ BX, BX
	KXNORW K0, K0, K7

loop:
	CMPQ BX, CX
	JGE  done
	CMPQ SI, R11
	JA   done

	VPANDD Z20, Z0, Z2
	VPANDD Z20, Z1, Z3
	KMOVW K7, K1
	KMOVW K7, K2
	VPXORD Z4, Z4, Z4
	VPXORD Z5, Z5, Z5
	VPGATHERDD (R9)(Z2*4), K1, Z4
	VPGATHERDD (R9)(Z3*4), K2, Z5
	VPSRLD $12, Z0, Z0
	VPSRLD $12, Z1, Z1
	VPSRLD $8, Z4, Z6
	VPSRLD $8, Z5, Z7
	VPANDD Z20, Z6, Z6
	VPANDD Z20, Z7, Z7
	VPMULLD Z6, Z0, Z0
	VPMULLD Z7, Z1, Z1
	VPSRLD $20, Z4, Z6
	VPSRLD $20, Z5, Z7
	VPADDD Z6, Z0, Z0
	VPADDD Z7, Z1, Z1
	VPMOVDB Z4, X4
	VPMOVDB Z5, X5
	VMOVDQU X4, (DI)
	VMOVDQU X5, 16(DI)
	VPTESTNMD Z21, Z0, K3
	VPTESTNMD Z21, Z1, K4
	KMOVW K3, R12
	KMOVW K4, R13
	POPCNTL R12, R12
	POPCNTL R13, R13
	VPMOVZXWD (SI), Z8
	LEAQ (SI)(R12*2), SI
	VPMOVZXWD (SI), Z9
	LEAQ (SI)(R13*2), SI
	VPEXPANDD.Z Z8, K3, Z8
	VPEXPANDD.Z Z9, K4, Z9
	VPSLLD $16, Z0, K3, Z0
	VPSLLD $16, Z1, K4, Z1
	VPORD Z8, Z0, Z0
	VPORD Z9, Z1, Z1
	ADDQ $32, DI
	INCQ BX
	JMP  loop

done:
	VMOVDQU32 Z0, (R8)
	VMOVDQU32 Z1, 64(R8)
	VZEROUPPER
	SUBQ R10, SI
	SHRQ $1, SI
	MOVQ BX, done+48(FP)
	MOVQ SI, taken+56(FP)
	RET

DATA iota<>+0(SB)/4, $0
DATA iota<>+4(SB)/4, $0x100000
DATA iota<>+8(SB)/4, $0x200000
DATA iota<>+12(SB)/4, $0x300000
DATA iota<>+16(SB)/4, $0x400000
DATA iota<>+20(SB)/4, $0x500000
DATA iota<>+24(SB)/4, $0x600000
DATA iota<>+28(SB)/4, $0x700000
DATA iota<>+32(SB)/4, $0x800000
DATA iota<>+36(SB)/4, $0x900000
DATA iota<>+40(SB)/4, $0xa00000
DATA iota<>+44(SB)/4, $0xb00000
DATA iota<>+48(SB)/4, $0xc00000
DATA iota<>+52(SB)/4, $0xd00000
DATA iota<>+56(SB)/4, $0xe00000
DATA iota<>+60(SB)/4, $0xf00000
GLOBL iota<>(SB), RODATA|NOPTR, $64

// func fillAVX512(entries *[4096+16]uint32, f *[256]uint16)
//
// Each symbol's entries are written 16 at a time, the last time beyond its own: the
// next symbol's come over them.
TEXT ·fillAVX512(SB), NOSPLIT, $0-16
	MOVQ entries+0(FP), DI
	MOVQ f+8(FP), SI
	VMOVDQU32 iota<>(SB), Z0
	MOVL $0x1000000, AX // 16 entries on
	VPBROADCASTD AX, Z1
	XORL BX, BX

symbol:
	MOVWLZX (SI)(BX*2), CX
	TESTL CX, CX
	JZ   next
	MOVL CX, AX
	SHLL $8, AX
	ORL  BX, AX
	VPBROADCASTD AX, Z2
	VPADDD Z0, Z2, Z2
	LEAQ (DI)(CX*4), R8

more:
	VMOVDQU32 Z2, (DI)
	VPADDD Z1, Z2, Z2
	ADDQ $64, DI
	SUBL $16, CX
	JG   more
	MOVQ R8, DI

next:
	INCL BX
	CMPL BX, $256
	JLT  symbol
	VZEROUPPER
	RET

DATA interleave<>+0(SB)/4, $0
DATA interleave<>+4(SB)/4, $4
DATA interleave<>+8(SB)/4, $1
DATA interleave<>+12(SB)/4, $5
DATA interleave<>+16(SB)/4, $2
DATA interleave<>+20(SB)/4, $6
DATA interleave<>+24(SB)/4, $3
DATA interleave<>+28(SB)/4, $7
GLOBL interleave<>(SB), RODATA|NOPTR, $32

// func decodeAVX2(dst *byte, steps int, words *byte, left int, states *[32]uint32, entries *[4096+16]uint32, ranks *[256][8]byte) (done, taken int)
//
// Y0 to Y3 are the states, eight each, Y4 to Y7 their entries. Y12 4095, Y13 255 in every lane, Y14 0.
TEXT ·decodeAVX2(SB), NOSPLIT, $0-72
	MOVQ dst+0(FP), DI
	MOVQ steps+8(FP), CX
	MOVQ words+16(FP), SI
	MOVQ left+24(FP), DX
	MOVQ states+32(FP), R8
	MOVQ entries+40(FP), R9
	MOVQ ranks+48(FP), R13
	VMOVDQU (R8), Y0
	VMOVDQU 32(R8), Y1
	VMOVDQU 64(R8), Y2
	VMOVDQU 96(R8), Y3
	MOVL $4095, AX
	VMOVD AX, X12
	VPBROADCASTD X12, Y12
	MOVL $255, AX
	VMOVD AX, X13
	VPBROADCASTD X13, Y13
	VPXOR Y14, Y14, Y14
	VMOVDQU interleave<>(SB), Y15
	MOVQ SI, R10
	LEAQ -64(SI)(DX*2), R11 // the last place where 32 words are left
	XORQ BX, BX

loop:
	CMPQ BX, CX
	JGE  done
	CMPQ SI, R11
	JA   done

	VPAND     Y12, Y0, Y8
	VPCMPEQD  Y9, Y9, Y9
	VPGATHERDD Y9, (R9)(Y8*4), Y4
	VPSRLD    $12, Y0, Y0
	VPSRLD    $8, Y4, Y10
	VPAND     Y12, Y10, Y10
	VPMULLD   Y10, Y0, Y0
	VPSRLD    $20, Y4, Y10
	VPADDD    Y10, Y0, Y0
	VPAND     Y13, Y4, Y4
	VPSRLD    $16, Y0, Y10
	VPCMPEQD  Y14, Y10, Y10
	VMOVMSKPS Y10, R12
	VPMOVZXBD (R13)(R12*8), Y11
	POPCNTL   R12, R12
	VPMOVZXWD (SI), Y8
	LEAQ      (SI)(R12*2), SI
	VPERMD    Y8, Y11, Y8
	VPSLLD    $16, Y0, Y11
	VPOR      Y8, Y11, Y11
	VPBLENDVB Y10, Y11, Y0, Y0

	VPAND     Y12, Y1, Y8
	VPCMPEQD  Y9, Y9, Y9
	VPGATHERDD Y9, (R9)(Y8*4), Y5
	VPSRLD    $12, Y1, Y1
	VPSRLD    $8, Y5, Y10
	VPAND     Y12, Y10, Y10
	VPMULLD   Y10, Y1, Y1
	VPSRLD    $20, Y5, Y10
	VPADDD    Y10, Y1, Y1
	VPAND     Y13, Y5, Y5
	VPSRLD    $16, Y1, Y10
	VPCMPEQD  Y14, Y10, Y10
	VMOVMSKPS Y10, R12
	VPMOVZXBD (R13)(R12*8), Y11
	POPCNTL   R12, R12
	VPMOVZXWD (SI), Y8
	LEAQ      (SI)(R12*2), SI
	VPERMD    Y8, Y11, Y8
	VPSLLD    $16, Y1, Y11
	VPOR      Y8, Y11, Y11
	VPBLENDVB Y10, Y11, Y1, Y1

	VPAND     Y12, Y2, Y8
	VPCMPEQD  Y9, Y9, Y9
	VPGATHERDD Y9, (R9)(Y8*4), Y6
	VPSRLD    $12, Y2, Y2
	VPSRLD    $8, Y6, Y10
	VPAND     Y12, Y10, Y10
	VPMULLD   Y10, Y2, Y2
	VPSRLD    $20, Y6, Y10
	VPADDD    Y10, Y2, Y2
	VPAND     Y13, Y6, Y6
	VPSRLD    $16, Y2, Y10
	VPCMPEQD  Y14, Y10, Y10
	VMOVMSKPS Y10, R12
	VPMOVZXBD (R13)(R12*8), Y11
	POPCNTL   R12, R12
	VPMOVZXWD (SI), Y8
	LEAQ      (SI)(R12*2), SI
	VPERMD    Y8, Y11, Y8
	VPSLLD    $16, Y2, Y11
	VPOR      Y8, Y11, Y11
	VPBLENDVB Y10, Y11, Y2, Y2

	VPAND     Y12, Y3, Y8
	VPCMPEQD  Y9, Y9, Y9
	VPGATHERDD Y9, (R9)(Y8*4), Y7
	VPSRLD    $12, Y3, Y3
	VPSRLD    $8, Y7, Y10
	VPAND     Y12, Y10, Y10
	VPMULLD   Y10, Y3, Y3
	VPSRLD    $20, Y7, Y10
	VPADDD    Y10, Y3, Y3
	VPAND     Y13, Y7, Y7
	VPSRLD    $16, Y3, Y10
	VPCMPEQD  Y14, Y10, Y10
	VMOVMSKPS Y10, R12
	VPMOVZXBD (R13)(R12*8), Y11
	POPCNTL   R12, R12
	VPMOVZXWD (SI), Y8
	LEAQ      (SI)(R12*2), SI
	VPERMD    Y8, Y11, Y8
	VPSLLD    $16, Y3, Y11
	VPOR      Y8, Y11, Y11
	VPBLENDVB Y10, Y11, Y3, Y3

	VPACKUSDW Y5, Y4, Y4 // the halves of 0-3, 8-11 and 4-7, 12-15
	VPACKUSDW Y7, Y6, Y6
	VPACKUSWB Y6, Y4, Y4 // fours of 0, 8, 16, 24 and 4, 12, 20, 28
	VPERMD    Y4, Y15, Y4
	VMOVDQU   Y4, (DI)
	ADDQ $32, DI
	INCQ BX
	JMP  loop

done:
	VMOVDQU Y0, (R8)
	VMOVDQU Y1, 32(R8)
	VMOVDQU Y2, 64(R8)
	VMOVDQU Y3, 96(R8)
	VZEROUPPER
	SUBQ R10, SI
	SHRQ $1, SI
	MOVQ BX, done+56(FP)
	MOVQ SI, taken+64(FP)
	RET
