package procfile

import (
	"encoding/binary"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Dir is a directory that stays open and is listed again and again.
type Dir struct {
	file File
	buf  []byte
}

// OpenDir opens a directory; where that fails, IDs does too.
func OpenDir(path string) Dir {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		fd = -1
	}
	return Dir{file: File{Path: path, Err: err, fd: fd}, buf: make([]byte, 32<<10)}
}

// Close may be called twice.
func (d *Dir) Close() { d.file.Close() }

// IDs appends the entries whose names are numbers above 0: of /proc the
// processes, in ascending order as the kernel keeps them, of /proc/PID/task
// the threads. It allocates nothing but room in into. A directory that fails
// half-way still gives what it gave.
func (d *Dir) IDs(into []int) ([]int, error) {
	if d.file.Err != nil {
		return into, d.file.Err
	}
	if _, err := unix.Seek(d.file.fd, 0, unix.SEEK_SET); err != nil {
		return into, err
	}
	for {
		n, err := unix.Getdents(d.file.fd, d.buf)
		if err != nil || n <= 0 {
			return into, err
		}
		into = parseDirents(into, d.buf[:n])
	}
}

// The layout of struct linux_dirent64 (include/linux/dirent.h).
const (
	direntLength = int(unsafe.Offsetof(unix.Dirent{}.Reclen))
	direntName   = int(unsafe.Offsetof(unix.Dirent{}.Name))
)

// parseDirents appends the numbers among the names of directory entries.
func parseDirents(into []int, b []byte) []int {
	for len(b) >= direntName {
		length := int(binary.NativeEndian.Uint16(b[direntLength:]))
		if length < direntName || length > len(b) {
			return into
		}
		if id, ok := number(b[direntName:length]); ok {
			into = append(into, id)
		}
		b = b[length:]
	}
	return into
}

// number parses a name that ends in a zero byte.
func number(name []byte) (id int, ok bool) {
	for i, c := range name {
		switch {
		case c == 0:
			return id, i > 0 && id > 0
		case c < '0' || c > '9' || id > 1<<30:
			return 0, false
		}
		id = id*10 + int(c-'0')
	}
	return 0, false
}

// Directories returns the names of a directory's subdirectories, unsorted.
func Directories(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var all []string
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, e.Name())
		}
	}
	return all
}
