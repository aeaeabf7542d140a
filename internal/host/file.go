package host

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// keptFile is a small file that stays open and is read from its start again
// and again: procfs and sysfs make its content anew for each read at offset 0.
type keptFile struct {
	path string
	fd   int
	err  error // why it can't be opened
}

func keep(path string) keptFile {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return keptFile{path: path, fd: -1, err: err}
	}
	return keptFile{path: path, fd: fd}
}

// read returns the content in *buf with one system call; a file longer than
// the buffer is cut off. It allocates nothing.
func (f *keptFile) read(buf *[]byte) ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	n, err := unix.Pread(f.fd, *buf, 0)
	if err != nil {
		return nil, err
	}
	return (*buf)[:n], nil
}

// readAll is read for files of any length: it goes on to the end of the file
// and lets *buf grow.
func (f *keptFile) readAll(buf *[]byte) ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	return readFD(f.fd, buf)
}

// number reads a file that holds one unsigned number.
func (f *keptFile) number(buf *[]byte) (uint64, error) {
	b, err := f.read(buf)
	if err != nil {
		return 0, err
	}
	return parseNumber(b)
}

func (f *keptFile) close() {
	if f.err == nil && f.path != "" {
		_ = unix.Close(f.fd)
		f.err = os.ErrClosed
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

// slurp opens, reads and closes a file.
func slurp(path string, buf *[]byte) ([]byte, error) {
	f := keep(path)
	defer f.close()
	return f.readAll(buf)
}

// slurpNumber is slurp for a file that holds one unsigned number.
func slurpNumber(path string, buf *[]byte) (uint64, error) {
	b, err := slurp(path, buf)
	if err != nil {
		return 0, err
	}
	return parseNumber(b)
}

// slurpText is slurp for a short text.
func slurpText(path string, buf *[]byte) string {
	b, _ := slurp(path, buf)
	return strings.TrimSpace(string(b))
}

// entries returns the names in a directory, unsorted. os.File would register
// it with the poller, look at it twice and cost three times as much.
func entries(dir string) ([]string, error) {
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

// list returns the paths of a directory's entries whose names have a prefix,
// sorted; none where there is no such directory.
func list(dir, prefix string) []string {
	// A directory that fails half-way still gave what it gave.
	names, _ := entries(dir)
	var all []string
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			all = append(all, dir+"/"+name)
		}
	}
	slices.Sort(all)
	return all
}

func exists(path string) bool { return unix.Access(path, unix.F_OK) == nil }

var (
	errMalformed = errors.New("not understood")
	errTooLong   = errors.New("implausibly long")
	errNoDisks   = errors.New("can't tell disks from what is stacked on them")
	errNoLine    = errors.New("the line is missing")
)

// why says in words why a file gives no value.
func why(path string, err error) string {
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

// refusal is why as an energy.Refusal.
func refusal(name, path string, err error, remedy string) *energy.Refusal {
	kind := energy.ErrBroken
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		kind = energy.ErrAbsent
	case errors.Is(err, fs.ErrPermission):
		kind = energy.ErrForbidden
	}
	return &energy.Refusal{Name: name, Kind: kind, Reason: why(path, err), Remedy: remedy, Err: err}
}
