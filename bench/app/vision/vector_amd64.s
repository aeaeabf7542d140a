//go:build !purego

#include "textflag.h"

// The bytes of four pixels, each with a zero behind it.
DATA pixels<>+0(SB)/8, $0x8005040380020100
DATA pixels<>+8(SB)/8, $0x800b0a0980080706
GLOBL pixels<>(SB), RODATA|NOPTR, $16

// Red and green of four pixels, and blue of four pixels, as words.
DATA redgreen<>+0(SB)/8, $0x8004800380018000
DATA redgreen<>+8(SB)/8, $0x800a800980078006
GLOBL redgreen<>(SB), RODATA|NOPTR, $16
DATA blue<>+0(SB)/8, $0x8080800580808002
DATA blue<>+8(SB)/8, $0x8080800b80808008
GLOBL blue<>(SB), RODATA|NOPTR, $16

// func greySumAVX2(rgb *byte, groups int) int64
// A group is eight pixels.
TEXT ·greySumAVX2(SB), NOSPLIT, $0-24
	MOVQ rgb+0(FP), SI
	MOVQ groups+8(FP), CX
	VBROADCASTI128 pixels<>(SB), Y4
	MOVL $0x01010101, AX
	MOVQ AX, X5
	VPBROADCASTD X5, Y5
	MOVL $0x00010001, AX
	MOVQ AX, X6
	VPBROADCASTD X6, Y6
	MOVL $21846, AX // third
	MOVQ AX, X7
	VPBROADCASTD X7, Y7
	VPXOR Y0, Y0, Y0
	VPXOR Y8, Y8, Y8
greyloop:
	VMOVDQU (SI), X1
	VINSERTI128 $1, 12(SI), Y1, Y1
	VPSHUFB Y4, Y1, Y1
	VPMADDUBSW Y5, Y1, Y1
	VPMADDWD Y6, Y1, Y1
	VPMULHUW Y7, Y1, Y1
	VPSADBW Y8, Y1, Y1
	VPADDQ Y1, Y0, Y0
	ADDQ $24, SI
	DECQ CX
	JNZ greyloop
	VEXTRACTI128 $1, Y0, X1
	VPADDQ X1, X0, X0
	VPSRLDQ $8, X0, X1
	VPADDQ X1, X0, X0
	VMOVQ X0, AX
	MOVQ AX, ret+16(FP)
	VZEROUPPER
	RET

// func lumaAVX2(dst, rgb *byte, groups int)
// A group is sixteen pixels.
TEXT ·lumaAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ rgb+8(FP), SI
	MOVQ groups+16(FP), CX
	VBROADCASTI128 redgreen<>(SB), Y8
	VBROADCASTI128 blue<>(SB), Y9
	MOVL $0x4b232646, AX // lumaGreen<<16 | lumaRed
	MOVQ AX, X10
	VPBROADCASTD X10, Y10
	MOVL $3735, AX // lumaBlue
	MOVQ AX, X11
	VPBROADCASTD X11, Y11
	MOVL $16384, AX
	MOVQ AX, X12
	VPBROADCASTD X12, Y12
lumaloop:
	// Packing goes by halves of the registers: pixels 0-3 and 8-11, then 4-7
	// and 12-15.
	VMOVDQU (SI), X0
	VINSERTI128 $1, 24(SI), Y0, Y0
	VMOVDQU 12(SI), X1
	VINSERTI128 $1, 36(SI), Y1, Y1
	VPSHUFB Y8, Y0, Y2
	VPSHUFB Y9, Y0, Y3
	VPSHUFB Y8, Y1, Y4
	VPSHUFB Y9, Y1, Y5
	VPMADDWD Y10, Y2, Y2
	VPMADDWD Y11, Y3, Y3
	VPMADDWD Y10, Y4, Y4
	VPMADDWD Y11, Y5, Y5
	VPADDD Y12, Y2, Y2
	VPADDD Y3, Y2, Y2
	VPADDD Y12, Y4, Y4
	VPADDD Y5, Y4, Y4
	VPSRLD $15, Y2, Y2
	VPSRLD $15, Y4, Y4
	VPACKUSDW Y4, Y2, Y2
	VPACKUSWB Y2, Y2, Y2
	VPERMQ $0x08, Y2, Y2
	VMOVDQU X2, (DI)
	ADDQ $48, SI
	ADDQ $16, DI
	DECQ CX
	JNZ lumaloop
	VZEROUPPER
	RET

// SUM3 adds the nine samples around 16 of them into sum, and leaves the centres
// in centre.
#define SUM3(at, sum, centre, t0, t1) \
	VPMOVZXBW (at)(R8), sum \
	VPMOVZXBW (at)(R9), centre \
	VPMOVZXBW (at)(R10), t0 \
	VPADDW t0, sum, sum \
	VPMOVZXBW (at-3)(R8), t0 \
	VPMOVZXBW (at+3)(R8), t1 \
	VPADDW centre, sum, sum \
	VPADDW t1, t0, t0 \
	VPADDW t0, sum, sum \
	VPMOVZXBW (at-3)(R9), t0 \
	VPMOVZXBW (at+3)(R9), t1 \
	VPADDW t1, t0, t0 \
	VPADDW t0, sum, sum \
	VPMOVZXBW (at-3)(R10), t0 \
	VPMOVZXBW (at+3)(R10), t1 \
	VPADDW t1, t0, t0 \
	VPADDW t0, sum, sum

// func sharpenAVX2(dst, above, row, below *byte, groups int)
// A group is 32 samples; three before and after it are read.
TEXT ·sharpenAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ above+8(FP), R8
	MOVQ row+16(FP), R9
	MOVQ below+24(FP), R10
	MOVQ groups+32(FP), CX
	MOVL $10, AX
	MOVQ AX, X15
	VPBROADCASTW X15, Y15
sharpenloop:
	SUM3(0, Y0, Y1, Y2, Y3)
	SUM3(16, Y4, Y5, Y6, Y7)
	VPMULLW Y15, Y1, Y1
	VPMULLW Y15, Y5, Y5
	VPSUBW Y0, Y1, Y1
	VPSUBW Y4, Y5, Y5
	VPACKUSWB Y5, Y1, Y1
	VPERMQ $0xd8, Y1, Y1
	VMOVDQU Y1, (DI)
	ADDQ $32, DI
	ADDQ $32, R8
	ADDQ $32, R9
	ADDQ $32, R10
	DECQ CX
	JNZ sharpenloop
	VZEROUPPER
	RET

// func sobelAVX2(dx, dy, size *int16, strong *uint64, above, row, below *byte, groups, lower int)
// A group is 16 pixels. The first is at offset 1 of the rows.
TEXT ·sobelAVX2(SB), NOSPLIT, $0-72
	MOVQ dx+0(FP), DI
	MOVQ dy+8(FP), SI
	MOVQ size+16(FP), DX
	MOVQ strong+24(FP), BX
	MOVQ above+32(FP), R8
	MOVQ row+40(FP), R9
	MOVQ below+48(FP), R10
	MOVQ groups+56(FP), CX
	MOVQ lower+64(FP), AX
	MOVQ AX, X15
	VPBROADCASTW X15, Y15
	XORL R11, R11 // pixels done
sobelloop:
	VPMOVZXBW (R8)(R11*1), Y0
	VPMOVZXBW 1(R8)(R11*1), Y1
	VPMOVZXBW 2(R8)(R11*1), Y2
	VPMOVZXBW (R9)(R11*1), Y3
	VPMOVZXBW 2(R9)(R11*1), Y4
	VPMOVZXBW (R10)(R11*1), Y5
	VPMOVZXBW 1(R10)(R11*1), Y6
	VPMOVZXBW 2(R10)(R11*1), Y7
	VPSUBW Y3, Y4, Y4 // dx
	VPADDW Y4, Y4, Y4
	VPSUBW Y0, Y2, Y8
	VPADDW Y8, Y4, Y4
	VPSUBW Y5, Y7, Y8
	VPADDW Y8, Y4, Y4
	VPSUBW Y1, Y6, Y6 // dy
	VPADDW Y6, Y6, Y6
	VPSUBW Y0, Y5, Y5
	VPADDW Y5, Y6, Y6
	VPSUBW Y2, Y7, Y7
	VPADDW Y7, Y6, Y6
	VMOVDQU Y4, (DI)(R11*2)
	VMOVDQU Y6, (SI)(R11*2)
	VPABSW Y4, Y4
	VPABSW Y6, Y6
	VPADDW Y6, Y4, Y4
	VMOVDQU Y4, (DX)(R11*2)
	VPCMPGTW Y15, Y4, Y4
	VEXTRACTI128 $1, Y4, X5
	VPACKSSWB X5, X4, X4
	VPMOVMSKB X4, AX
	MOVW AX, (BX)
	ADDQ $2, BX
	ADDQ $16, R11
	DECQ CX
	JNZ sobelloop
	VZEROUPPER
	RET
