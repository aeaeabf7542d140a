package vision

import (
	"encoding/binary"
	"math"
)

// GreySum adds up the grey values of an image, where grey is the mean of the
// three channels with its fraction cut off. Divided by the number of pixels it is
// the image's brightness.
func GreySum(rgb []byte) int64 {
	check("an image", len(rgb), len(rgb)/3, 1, 3)
	sum, done := greySumVector(rgb)
	return sum + greySumGo(rgb[done:])
}

// A third of a number up to 765, cut off, is its product with this over 2^16. It
// takes 24 bits.
const third = 21846

func greySumGo(rgb []byte) int64 {
	// A lane overflows after so many steps of two times two pixels.
	const most = 1 << 15
	var sum int64
	for len(rgb) >= 16 {
		n := min((len(rgb)-4)/12, most) * 12
		var acc uint64
		for i := 0; i < n; i += 12 {
			four := rgb[i : i+16]
			acc += greys(load(four, 0)) + greys(load(four, 6))
		}
		sum += int64(acc>>16&(1<<24-1)) + int64(acc>>40)
		rgb = rgb[n:]
	}
	for ; len(rgb) >= 3; rgb = rgb[3:] {
		sum += (int64(rgb[0]) + int64(rgb[1]) + int64(rgb[2])) / 3
	}
	return sum
}

// pair are the first bytes of two pixels. There are 24 bits for what is computed
// of each.
const pair = 1<<24 | 1

// greys are the grey values of two pixels, in bits 16 and 40 and above.
func greys(v uint64) uint64 {
	const first = 0xff * pair
	return (v&first + v>>8&first + v>>16&first) * third & (first << 16)
}

// Weights of red, green and blue in 1/2^15, as OpenCV rounds those of ITU-R
// BT.601 (modules/imgproc/src/color.simd_helpers.hpp, RY15, GY15, BY15).
const (
	lumaRed   = 9798
	lumaGreen = 19235
	lumaBlue  = 3735
	lumaShift = 15
)

// Luma is the grey image by BT.601, one byte a pixel.
func Luma(dst, rgb []byte) {
	check("an image", len(rgb), len(dst), 1, 3)
	done := lumaVector(dst, rgb)
	lumaGo(dst[done:], rgb[3*done:])
}

func lumaGo(dst, rgb []byte) {
	i := 0
	for ; 3*i+16 <= len(rgb); i += 4 {
		four := rgb[3*i : 3*i+16]
		a, b := lumas(load(four, 0)), lumas(load(four, 6))
		binary.LittleEndian.PutUint32(dst[i:i+4], uint32(a)|uint32(b)<<16)
	}
	for ; i < len(dst); i++ {
		p := rgb[3*i:][:3]
		dst[i] = byte(lumas(uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16))
	}
}

// lumas are those of two pixels, in bytes 0 and 1. The weights add up to 2^15, so
// none takes more than 23 bits before it is shifted.
func lumas(v uint64) uint64 {
	const first, half = 0xff * pair, 1 << (lumaShift - 1) * pair
	y := v&first*lumaRed + v>>8&first*lumaGreen + v>>16&first*lumaBlue + half
	return y>>lumaShift&0xff | y>>(lumaShift+24)<<8&0xff00
}

// Colours is the mean and the standard deviation (of the whole population, as
// NumPy's) of each channel, of an image of up to 2^24 pixels. The sums are exact.
func Colours(rgb []byte) (mean, deviation [3]float64) {
	n := int64(len(rgb) / 3)
	if n == 0 {
		return mean, deviation
	}
	var count [3][256]uint64
	for p := rgb; len(p) >= 3; p = p[3:] {
		count[0][p[0]]++
		count[1][p[1]]++
		count[2][p[2]]++
	}
	for c := range count {
		var sum, squares uint64
		for v, k := range count[c] {
			sum += uint64(v) * k
			squares += uint64(v*v) * k
		}
		mean[c] = float64(sum) / float64(n)
		// n*n times the variance, exactly: it is below 2^64 for 2^24 pixels.
		above := uint64(n)*squares - sum*sum
		deviation[c] = math.Sqrt(float64(above) / (float64(n) * float64(n)))
	}
	return mean, deviation
}
