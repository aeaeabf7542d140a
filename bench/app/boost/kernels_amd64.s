#include "textflag.h"

DATA lane<>+0(SB)/8, $0.0
DATA lane<>+8(SB)/8, $1.0
DATA lane<>+16(SB)/8, $2.0
DATA lane<>+24(SB)/8, $3.0
GLOBL lane<>(SB), RODATA|NOPTR, $32

DATA four<>+0(SB)/8, $4.0
GLOBL four<>(SB), RODATA|NOPTR, $8

// func subtractAVX2(parent, child *[256]uint64, groups int)
TEXT ·subtractAVX2(SB), NOSPLIT, $0-24
	MOVQ parent+0(FP), DI
	MOVQ child+8(FP), SI
	MOVQ groups+16(FP), CX

subtractloop:
	VMOVDQU 0(DI), Y0
	VPSUBQ 0(SI), Y0, Y0
	VMOVDQU Y0, 0(DI)
	ADDQ $32, DI
	ADDQ $32, SI
	DECQ CX
	JNZ  subtractloop
	VZEROUPPER
	RET

// func bestAVX2(h *[256]uint64, groups int, grad, hess, least float64, qualities, at *[4]float64)
// Y0 has the sum up to the bin before in all lanes, Y1 the best qualities, Y2 and
// Y3 which bins they are of and which are looked at; Y4 is 0, Y5 to Y8 are grad, hess,
// least and 4.
TEXT ·bestAVX2(SB), NOSPLIT, $0-56
	MOVQ h+0(FP), DI
	MOVQ groups+8(FP), CX
	MOVQ qualities+40(FP), R8
	MOVQ at+48(FP), R9
	VPXOR Y0, Y0, Y0
	VMOVUPD 0(R8), Y1
	VPXOR Y2, Y2, Y2
	VMOVUPD lane<>(SB), Y3
	VPXOR Y4, Y4, Y4
	VBROADCASTSD grad+16(FP), Y5
	VBROADCASTSD hess+24(FP), Y6
	VBROADCASTSD least+32(FP), Y7
	VBROADCASTSD four<>(SB), Y8

bestloop:
	// Running sums of four words, and of those before.
	VMOVDQU 0(DI), Y9
	VPSLLDQ $8, Y9, Y10
	VPADDQ Y10, Y9, Y9
	VPERMQ $0x50, Y9, Y10
	VPBLENDD $0xF0, Y10, Y4, Y10
	VPADDQ Y10, Y9, Y9
	VPADDQ Y0, Y9, Y9
	VPERMQ $0xFF, Y9, Y0

	// Gradients in Y11, Hessians in Y12, of the left; of the right in Y13, Y14.
	VEXTRACTI128 $1, Y9, X10
	VSHUFPS $0xDD, X10, X9, X11
	VSHUFPS $0x88, X10, X9, X12
	VCVTDQ2PD X11, Y11
	VCVTDQ2PD X12, Y12
	VSUBPD Y11, Y5, Y13
	VSUBPD Y12, Y6, Y14

	// The masks come first: Hessians are not below least.
	VCMPPD $0x0D, Y7, Y12, Y9
	VCMPPD $0x0D, Y7, Y14, Y10
	VANDPD Y10, Y9, Y9

	VMULPD Y11, Y11, Y11
	VMULPD Y14, Y11, Y11
	VMULPD Y13, Y13, Y13
	VMULPD Y12, Y13, Y13
	VADDPD Y13, Y11, Y11
	VMULPD Y14, Y12, Y12
	VDIVPD Y12, Y11, Y11

	// What is greater, ordered, takes the place of what was best.
	VCMPPD $0x1E, Y1, Y11, Y10
	VANDPD Y10, Y9, Y9
	VBLENDVPD Y9, Y11, Y1, Y1
	VBLENDVPD Y9, Y3, Y2, Y2
	VADDPD Y8, Y3, Y3
	ADDQ $32, DI
	DECQ CX
	JNZ  bestloop

	VMOVUPD Y1, 0(R8)
	VMOVUPD Y2, 0(R9)
	VZEROUPPER
	RET
