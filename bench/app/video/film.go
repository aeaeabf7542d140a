package video

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A film is frames one after another, then a table of them, then what they are:
//
//	frames   as encode makes them
//	table    for each frame its length and CRC-32C, 4 bytes each
//	trailer  width, height, frames per second, frames per group, frames: 4 bytes
//	         each; the CRC-32C of table and those; 8 bytes that say it is a film
//
// Numbers are little-endian. The first frame of a group stands for itself, all
// others build on the one before.
const (
	magic       = "EPFILM1\n"
	entryBytes  = 8
	trailerSize = 5*4 + 4 + len(magic)
	maxPixels   = 1 << 24 // of a frame: 50 MB
)

// format is what a film says of itself.
type format struct {
	Width, Height int
	Rate          int // frames per second
	Group         int // frames that are decoded one after another
}

func (f format) frameBytes() int { return 3 * f.Width * f.Height }

func (f format) check() error {
	if f.Width < 1 || f.Height < 1 || f.Width > maxPixels || f.Height > maxPixels || f.Width*f.Height > maxPixels {
		return fmt.Errorf("its frames are %d x %d pixels; 1 to %d pixels can be decoded", f.Width, f.Height, maxPixels)
	}
	if f.Rate < 1 || f.Group < 1 {
		return fmt.Errorf("it has %d frames per second and %d per group", f.Rate, f.Group)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// filmWriter writes a film to where nothing has to be changed later.
type filmWriter struct {
	format
	w     io.Writer
	table []byte
}

// add takes a frame as encode made it.
func (f *filmWriter) add(encoded []byte) error {
	f.table = binary.LittleEndian.AppendUint32(f.table, uint32(len(encoded)))
	f.table = binary.LittleEndian.AppendUint32(f.table, crc32.Checksum(encoded, castagnoli))
	_, err := f.w.Write(encoded)
	return err
}

// finish writes what comes after the frames.
func (f *filmWriter) finish() error {
	end := f.table
	for _, v := range []int{f.Width, f.Height, f.Rate, f.Group, len(f.table) / entryBytes} {
		end = binary.LittleEndian.AppendUint32(end, uint32(v))
	}
	end = binary.LittleEndian.AppendUint32(end, crc32.Checksum(end, castagnoli))
	_, err := f.w.Write(append(end, magic...))
	return err
}

// film is one that is being read.
type film struct {
	format
	name   string // of the file, for errors
	r      io.ReaderAt
	starts []int64 // of the frames in the file, and the end of the last
	sums   []uint32
}

var errNoFilm = errors.New("it is no film of this program, or was not written to its end")

// openFilm reads what a film of so many bytes says of itself. A table that the
// file can't hold is not made room for.
func openFilm(r io.ReaderAt, size int64) (*film, error) {
	if size < int64(trailerSize) {
		return nil, errNoFilm
	}
	trailer := make([]byte, trailerSize)
	if err := readAt(r, trailer, size-int64(trailerSize)); err != nil {
		return nil, err
	}
	if string(trailer[trailerSize-len(magic):]) != magic {
		return nil, errNoFilm
	}
	number := func(i int) int { return int(binary.LittleEndian.Uint32(trailer[4*i:])) }
	f := &film{format: format{number(0), number(1), number(2), number(3)}, r: r}
	if err := f.check(); err != nil {
		return nil, err
	}
	frames := number(4)
	tableAt := size - int64(trailerSize) - int64(frames)*entryBytes
	if tableAt < 0 {
		return nil, fmt.Errorf("it says it has %d frames, whose table alone is longer than the %d bytes of the file", frames, size)
	}
	table := make([]byte, frames*entryBytes)
	if err := readAt(r, table, tableAt); err != nil {
		return nil, err
	}
	sum := crc32.Update(crc32.Checksum(table, castagnoli), castagnoli, trailer[:5*4])
	if sum != binary.LittleEndian.Uint32(trailer[5*4:]) {
		return nil, errors.New("the table of its frames is damaged")
	}
	f.starts = make([]int64, 1, frames+1)
	f.sums = make([]uint32, 0, frames)
	for ; len(table) > 0; table = table[entryBytes:] {
		f.starts = append(f.starts, f.starts[len(f.starts)-1]+int64(binary.LittleEndian.Uint32(table)))
		f.sums = append(f.sums, binary.LittleEndian.Uint32(table[4:]))
	}
	if end := f.starts[frames]; end != tableAt {
		return nil, fmt.Errorf("its frames are %d bytes, the table of them says %d", tableAt, end)
	}
	return f, nil
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	return err
}

func (f *film) frames() int { return len(f.sums) }

// load reads the bytes of frames from..to-1, with room for them in buf.
func (f *film) load(buf []byte, from, to int) ([]byte, error) {
	n := f.starts[to] - f.starts[from]
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	return buf, readAt(f.r, buf, f.starts[from])
}

// decoder gives the frames of a film one after another.
type decoder struct {
	f       *film
	coder   coder
	next    int    // frame
	encoded []byte // what is left of what was loaded
	frame   []byte
}

// decoder begins at the first frame of a group, with the bytes of as many frames
// as are to be decoded. Room for a frame is made when the first one has been
// found to be whole, and long enough for its size.
func (f *film) decoder(first int, encoded []byte) *decoder {
	return &decoder{f: f, next: first, encoded: encoded}
}

// decode gives the next frame. It is overwritten by the one after.
func (d *decoder) decode() ([]byte, error) {
	i := d.next
	n := int(d.f.starts[i+1] - d.f.starts[i])
	if n > len(d.encoded) {
		return nil, d.wrong("%w", io.ErrUnexpectedEOF)
	}
	encoded := d.encoded[:n]
	if crc32.Checksum(encoded, castagnoli) != d.f.sums[i] {
		return nil, d.wrong("its checksum is another: the file is damaged")
	}
	if least := leastBytes(d.f.Width) * d.f.Height; n < least {
		return nil, d.wrong("it has %d bytes; one of %d x %d pixels has %d or more", n, d.f.Width, d.f.Height, least)
	}
	if d.frame == nil {
		d.coder = newCoder(d.f.Width)
		d.frame = make([]byte, d.f.frameBytes())
	}
	reference := d.frame
	if i%d.f.Group == 0 {
		reference = nil
	}
	if err := d.coder.decode(d.frame, reference, encoded); err != nil {
		return nil, d.wrong("%w", err)
	}
	d.next++
	d.encoded = d.encoded[n:]
	return d.frame, nil
}

func (d *decoder) wrong(format string, args ...any) error {
	return fmt.Errorf("decode film %s: frame %d: %w", d.f.name, d.next, fmt.Errorf(format, args...))
}
