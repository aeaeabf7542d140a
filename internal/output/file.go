package output

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/energyprobe/energyprobe/internal/shell"
)

// ToFile writes what write produces to path, wholly or not at all: into a
// temporary file in the same directory that is synced and then renamed over
// path. On any failure an existing file at path is as it was, and no temporary
// file stays behind. An existing file keeps its mode (and, where permitted,
// its owner), a new one gets 0666 less the umask, and a symbolic link is
// followed, not replaced.
//
// Devices, FIFOs and open descriptors (/dev/stdout, /dev/fd/3) are written
// directly. The error says what to do about it.
func ToFile(path string, write func(io.Writer) error) error {
	t, err := resolve(path)
	if err == nil && t.direct {
		err = writeDirect(t, write)
	} else if err == nil {
		err = writeReplace(t, write)
	}
	return fileError(path, err)
}

// CheckFile reports whether ToFile could write to path now, so that a
// measurement of hours does not end at a directory that isn't there. It
// leaves nothing behind and does not open devices and FIFOs.
func CheckFile(path string) error {
	t, err := resolve(path)
	if err != nil || t.direct {
		return fileError(path, err)
	}
	tmp, err := createTemp(t)
	if err == nil {
		err = errors.Join(tmp.Close(), os.Remove(tmp.Name()))
	}
	return fileError(path, err)
}

// target is where the bytes go in the end.
type target struct {
	path   string // symbolic links resolved
	direct bool   // not a file that can be replaced
	fd     int    // >= 0: an open descriptor of this process
	old    fs.FileInfo
}

// resolve finds out what path stands for. A path that does not exist yet is
// fine.
func resolve(path string) (target, error) {
	if path == "" {
		return target{}, errors.New("the name is empty: give a file name, or leave -o away for standard output")
	}
	if fd, ok := descriptor(path); ok {
		return target{path: path, direct: true, fd: fd}, nil
	}
	t := target{path: path, fd: -1}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		t.path = real
	} else if link, err := os.Readlink(path); err == nil { // dangling
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		t.path = link
	}
	info, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if strings.HasSuffix(path, "/") {
			return t, syscall.EISDIR
		}
		return t, nil
	case err != nil:
		return t, err
	case info.IsDir():
		return t, syscall.EISDIR
	}
	t.old, t.direct = info, !info.Mode().IsRegular()
	return t, nil
}

// descriptor recognises the names of this process's own descriptors. They are
// duplicated instead of opened: opening /dev/stdout when it is a file would
// start again at its first byte.
func descriptor(path string) (fd int, ok bool) {
	switch path {
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if s, found := strings.CutPrefix(path, dir); found {
			n, err := strconv.Atoi(s)
			return n, err == nil && n >= 0
		}
	}
	return -1, false
}

func writeDirect(t target, write func(io.Writer) error) error {
	f, err := openDirect(t)
	if err != nil {
		return err
	}
	return errors.Join(writeBuffered(f, write), f.Close())
}

func openDirect(t target) (*os.File, error) {
	if t.fd < 0 {
		return os.OpenFile(t.path, os.O_WRONLY, 0)
	}
	fd, err := syscall.Dup(t.fd)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), t.path), nil
}

func writeReplace(t target, write func(io.Writer) error) (err error) {
	tmp, err := createTemp(t)
	if err != nil {
		return err
	}
	done := false
	defer func() { // also when write panics
		if !done {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	if err := writeBuffered(tmp, write); err != nil {
		return err
	}
	if err := keepIdentity(tmp, t.old); err != nil {
		return err
	}
	// Without the sync a crash soon after could leave the new name with no
	// bytes behind it.
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), t.path); err != nil {
		return err
	}
	done = true
	syncDir(filepath.Dir(t.path))
	return nil
}

func writeBuffered(f *os.File, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(f, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// createTemp creates the temporary file beside its target. os.CreateTemp
// would not do: it asks for 0600 whatever the umask is.
func createTemp(t target) (*os.File, error) {
	if t.old != nil {
		// A rename needs the directory's permission only; a file that was
		// made read-only is meant to stay.
		f, err := os.OpenFile(t.path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		f.Close()
	}
	name := filepath.Join(filepath.Dir(t.path), ".energyprobe-"+rand.Text()+".tmp")
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// keepIdentity gives f the mode and, where permitted, the owner of the file
// it will replace.
func keepIdentity(f *os.File, old fs.FileInfo) error {
	if old == nil {
		return nil
	}
	if st, ok := old.Sys().(*syscall.Stat_t); ok {
		// Fails for anyone but root when the owner differs; the file is then
		// the writer's, as with any editor.
		_ = f.Chown(int(st.Uid), int(st.Gid))
	}
	return f.Chmod(old.Mode().Perm())
}

// syncDir makes the rename durable. Some file systems can't sync a directory;
// the result is complete either way.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// fileError names the file and adds what to do.
func fileError(path string, err error) error {
	if err == nil {
		return nil
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // the path in it may be the temporary file's
	}
	if hint := fileHint(path, err); hint != "" {
		return fmt.Errorf("write result to %q: %w: %s", path, err, hint)
	}
	return fmt.Errorf("write result to %q: %w", path, err)
}

func fileHint(path string, err error) string {
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free some space, or name a file on another file system with -o"
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only; name a file elsewhere with -o"
	case errors.Is(err, fs.ErrPermission):
		return "the file and its directory " + dir + " must be writable; name a file elsewhere with -o"
	case errors.Is(err, syscall.EISDIR):
		return "this is a directory; name a file in it"
	case errors.Is(err, syscall.ENOTDIR):
		return dir + " is not a directory"
	case errors.Is(err, fs.ErrNotExist):
		return "create the directory first: mkdir -p " + shell.Quote(dir)
	case errors.Is(err, syscall.EBUSY):
		return "a mounted file can't be replaced; mount its directory instead, or name another file with -o"
	case errors.Is(err, syscall.ENXIO):
		return "nothing listens there"
	}
	return ""
}
