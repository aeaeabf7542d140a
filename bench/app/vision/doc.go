// Package vision has the image operations of the video application. They give
// what NumPy and OpenCV give, to the last bit:
//
//	GreySum   np.mean(image, axis=2).astype(np.uint8).sum()
//	Luma      cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
//	Sharpen   cv2.filter2D(image, -1, [[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]])
//	Canny     cv2.Canny(grey, low, high)
//	Colours   np.mean and np.std of each channel
//
// Images are slices of bytes, row after row without padding; colours are three
// bytes a pixel: red, green, blue.
//
// All that decides is integer arithmetic, so every machine computes the same.
// amd64 has assembly for CPUs with AVX2; elsewhere several samples are computed
// at once in the 64 bits of an integer. The build tag purego leaves the assembly
// out.
package vision

import (
	"encoding/binary"
	"fmt"
)

// check panics where a caller's slices are not what the size says: assembly
// does not look at bounds.
func check(name string, length, w, h, channels int) {
	if w < 0 || h < 0 || length != w*h*channels {
		panic(fmt.Sprintf("vision: %s has %d bytes; %d x %d pixels of %d take %d", name, length, w, h, channels, w*h*channels))
	}
}

// Several samples in one integer: eight bytes, or four numbers of 16 bits that
// stand for every other byte.
const (
	everyWord = 0x0001_0001_0001_0001
	evenBytes = 0x00ff_00ff_00ff_00ff
)

func load(b []byte, at int) uint64     { return binary.LittleEndian.Uint64(b[at : at+8]) }
func store(b []byte, at int, v uint64) { binary.LittleEndian.PutUint64(b[at:at+8], v) }
