package video

import (
	"bytes"
	"fmt"
	"os"
)

// picture is one image, three bytes a pixel.
type picture struct {
	w, h   int
	pixels []byte
}

// write makes a PPM file of it (netpbm: P6, 8 bits a sample), which every viewer
// opens.
func (p picture) write(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "P6\n%d %d\n255\n", p.w, p.h)
	if err == nil {
		_, err = file.Write(p.pixels)
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	return err
}

func readPicture(path string) (picture, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return picture{}, err
	}
	p, err := parsePicture(data)
	if err != nil {
		return picture{}, fmt.Errorf("read picture %s: %w", path, err)
	}
	return p, nil
}

// parsePicture takes what write makes, and no other PPM.
func parsePicture(data []byte) (picture, error) {
	var p picture
	lines := bytes.SplitN(data, []byte("\n"), 4)
	if len(lines) < 4 {
		return p, fmt.Errorf("it ends in its header")
	}
	if _, err := fmt.Sscanf(string(lines[1]), "%d %d", &p.w, &p.h); err != nil || string(lines[0]) != "P6" || string(lines[2]) != "255" {
		return p, fmt.Errorf("its header is not that of a PPM of 8 bits a sample")
	}
	p.pixels = lines[3]
	f := format{Width: p.w, Height: p.h, Rate: 1, Group: 1}
	if err := f.check(); err != nil {
		return p, err
	}
	if len(p.pixels) != f.frameBytes() {
		return p, fmt.Errorf("it has %d bytes of pixels; %d x %d take %d", len(p.pixels), p.w, p.h, f.frameBytes())
	}
	return p, nil
}
