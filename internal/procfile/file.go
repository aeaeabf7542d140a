package procfile

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// File is a small file that stays open and is read from its start again
// and again: procfs and sysfs make its content anew for each read at offset 0.
type File struct {
	Path string
	Err  error // why it can't be opened, or os.ErrClosed
	fd   int
}

// Keep opens a file; where that fails, Err says why.
func Keep(path string) File {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return File{Path: path, fd: -1, Err: err}
	}
	return File{Path: path, fd: fd}
}

// Read returns the content in *buf with one system call; a file longer than
// the buffer is cut off. It allocates nothing.
func (f *File) Read(buf *[]byte) ([]byte, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	n, err := unix.Pread(f.fd, *buf, 0)
	if err != nil {
		return nil, err
	}
	return (*buf)[:n], nil
}

// ReadAll is Read for files of any length: it goes on to the end of the file
// and lets *buf grow.
func (f *File) ReadAll(buf *[]byte) ([]byte, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	return readFD(f.fd, buf)
}

// Number reads a file that holds one unsigned number.
func (f *File) Number(buf *[]byte) (uint64, error) {
	b, err := f.Read(buf)
	if err != nil {
		return 0, err
	}
	return ParseNumber(b)
}

// Close may be called twice.
func (f *File) Close() {
	if f.Err == nil && f.Path != "" {
		_ = unix.Close(f.fd)
		f.Err = os.ErrClosed
	}
}

// maxFile bounds what is read of one file; the longest here, /proc/stat and
// /proc/diskstats of a large server, are a few hundred KiB.
const maxFile = 16 << 20

func readFD(fd int, buf *[]byte) ([]byte, error) {
	n := 0
	for {
		if n == len(*buf) {
			if n >= maxFile {
				return nil, errTooLong
			}
			*buf = append(*buf, make([]byte, max(n, 4096))...)
		}
		m, err := unix.Pread(fd, (*buf)[n:], int64(n))
		if err != nil {
			return nil, err
		}
		if m == 0 {
			return (*buf)[:n], nil
		}
		n += m
	}
}

// Slurp opens, reads and closes a file.
func Slurp(path string, buf *[]byte) ([]byte, error) {
	f := Keep(path)
	defer f.Close()
	return f.ReadAll(buf)
}

// SlurpNumber is Slurp for a file that holds one unsigned number.
func SlurpNumber(path string, buf *[]byte) (uint64, error) {
	b, err := Slurp(path, buf)
	if err != nil {
		return 0, err
	}
	return ParseNumber(b)
}

// SlurpText is Slurp for a short text.
func SlurpText(path string, buf *[]byte) string {
	b, _ := Slurp(path, buf)
	return strings.TrimSpace(string(b))
}

// Entries returns the names in a directory, unsorted. os.File would register
// it with the poller, look at it twice and cost three times as much.
func Entries(dir string) ([]string, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	var names []string
	buf := make([]byte, 8<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n == 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// Exists reports whether there is a file of this name.
func Exists(path string) bool { return unix.Access(path, unix.F_OK) == nil }

// What can be wrong with a file's content.
var (
	ErrMalformed = errors.New("not understood")
	ErrNoLine    = errors.New("the line is missing")
	errTooLong   = errors.New("implausibly long")
)

// Why says in words why a file gives no value.
func Why(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path + " is absent"
	case errors.Is(err, fs.ErrPermission):
		return path + " may not be read"
	case errors.Is(err, syscall.EOPNOTSUPP):
		return path + " is switched off"
	}
	return path + ": " + err.Error()
}

// Refuse is Why as an energy.Refusal.
func Refuse(name, path string, err error, remedy string) *energy.Refusal {
	kind := energy.ErrBroken
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		kind = energy.ErrAbsent
	case errors.Is(err, fs.ErrPermission):
		kind = energy.ErrForbidden
	}
	return &energy.Refusal{Name: name, Kind: kind, Reason: Why(path, err), Remedy: remedy, Err: err}
}

// Gone reports whether a file of a process is missing because the process is.
func Gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
