package vision

// Sharpen filters each channel with the kernel
//
//	-1 -1 -1
//	-1  9 -1
//	-1 -1 -1
//
// and cuts off below 0 and above 255. Beyond the border the image is mirrored at
// the outermost pixel (BORDER_REFLECT_101). dst must not overlap src.
//
// It is computed as ten times the centre less the sum of the nine, and that sum
// as one of three column sums.
func Sharpen(dst, src []byte, w, h int) {
	check("the source", len(src), w, h, 3)
	check("the destination", len(dst), w, h, 3)
	n := 3 * w
	row := func(y int) []byte {
		y = mirror(y, h)
		return src[y*n : (y+1)*n : (y+1)*n]
	}
	for y := range h {
		sharpenRow(dst[y*n:(y+1)*n:(y+1)*n], row(y-1), row(y), row(y+1))
	}
}

// mirror is the index inside 0..n-1 that stands for i, which is one outside at
// most.
func mirror(i, n int) int {
	switch {
	case n == 1:
		return 0
	case i < 0:
		return -i
	case i >= n:
		return 2*(n-1) - i
	}
	return i
}

func sharpenRow(dst, above, row, below []byte) {
	n := len(dst)
	sharpenSamples(dst, above, row, below, 0, min(3, n))
	if n <= 3 {
		return
	}
	from := sharpenVector(dst, above, row, below)
	from = sharpenWords(dst, above, row, below, from)
	sharpenSamples(dst, above, row, below, from, n)
}

// sharpenSamples computes the samples from..to-1, at the border too.
func sharpenSamples(dst, above, row, below []byte, from, to int) {
	w := len(row) / 3
	for i := from; i < to; i++ {
		x, c := i/3, i%3
		sum := 0
		for _, nx := range [3]int{mirror(x-1, w), x, mirror(x+1, w)} {
			at := 3*nx + c
			sum += int(above[at]) + int(row[at]) + int(below[at])
		}
		dst[i] = byte(min(max(10*int(row[i])-sum, 0), 255))
	}
}

// sharpenWords computes eight samples at once, from one of 3 or more for as long
// as the eight after are there. It says where it ended.
//
// The sums of a column's three samples are kept apart as those of the even and
// of the odd columns, four in an integer each. Neighbours are three columns away,
// so the even ones' are odd.
func sharpenWords(dst, above, row, below []byte, from int) int {
	n := len(dst)
	above, row, below = above[:n], row[:n], below[:n]
	i := from
	if i < 8 { // the eight before are needed
		i = min(8, n)
		sharpenSamples(dst, above, row, below, from, i)
	}
	if i+16 > n {
		return i
	}
	_, evenBefore, oddBefore := columns(above, row, below, i-8)
	centre, even, odd := columns(above, row, below, i)
	for ; i+16 <= n; i += 8 {
		next, evenNext, oddNext := columns(above, row, below, i+8)
		evenSum := even + (odd<<32 | oddBefore>>32) + (odd>>16 | oddNext<<48)
		oddSum := odd + (even<<16 | evenBefore>>48) + (even>>32 | evenNext<<32)
		store(dst, i, tenfold(centre&evenBytes, evenSum)|tenfold(centre>>8&evenBytes, oddSum)<<8)
		evenBefore, oddBefore = even, odd
		centre, even, odd = next, evenNext, oddNext
	}
	return i
}

func columns(above, row, below []byte, at int) (centre, even, odd uint64) {
	a, b, c := load(above, at), load(row, at), load(below, at)
	return b, a&evenBytes + b&evenBytes + c&evenBytes, a>>8&evenBytes + b>>8&evenBytes + c>>8&evenBytes
}

// tenfold is ten times the centre less the sum in each of four lanes, within
// 0..255.
func tenfold(centre, sum uint64) uint64 {
	const bias = 1 << 12 // above 9 * 255, so no lane borrows from the next
	v := 10*centre + bias*everyWord - sum
	positive := v >> 12 & everyWord * 0xff
	v &= (bias - 1) * everyWord
	over := (v + (bias-256)*everyWord) >> 12 & everyWord * 0xff
	return (v | over) & positive
}
