package vision

import "math"

// GreySum adds up the grey values of an image, where grey is the mean of the
// three channels with its fraction cut off. Divided by the number of pixels it is
// the image's brightness.
func GreySum(rgb []byte) int64 {
	check("an image", len(rgb), len(rgb)/3, 1, 3)
	sum, done := greySumVector(rgb)
	return sum + greySumGo(rgb[done:])
}

// A third of a number up to 765, cut off, is its product with this over 2^16,
// which takes 24 bits: two pixels are computed at once.
const third = 21846

func greySumGo(rgb []byte) int64 {
	const (
		lanes  = 0xff<<24 | 0xff // the first of three bytes, of two pixels
		thirds = lanes << 16
		// The lane above overflows after so many pairs of pixels.
		most = 1<<16 - 1
	)
	var sum int64
	for len(rgb) >= 8 {
		var acc uint64
		n := min((len(rgb)-2)/6, most)
		for range n {
			v := load(rgb, 0)
			s := v&lanes + v>>8&lanes + v>>16&lanes
			acc += s * third & thirds
			rgb = rgb[6:]
		}
		sum += int64(acc>>16&(1<<24-1)) + int64(acc>>40)
	}
	for ; len(rgb) >= 3; rgb = rgb[3:] {
		sum += (int64(rgb[0]) + int64(rgb[1]) + int64(rgb[2])) / 3
	}
	return sum
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
	for i := range dst {
		p := rgb[:3]
		dst[i] = byte((uint32(p[0])*lumaRed + uint32(p[1])*lumaGreen + uint32(p[2])*lumaBlue + 1<<(lumaShift-1)) >> lumaShift)
		rgb = rgb[3:]
	}
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
