package history

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Store is a file of results. It holds nothing open: its methods can be called
// from any goroutine, and from several processes.
type Store struct {
	path  string
	wait  time.Duration // for the lock
	limit int           // bytes of a line
}

// New returns the store in the file at path, which need not exist yet.
func New(path string) *Store { return &Store{path: path, wait: 30 * time.Second, limit: maxLine} }

// Path returns the file's name.
func (s *Store) Path() string { return s.path }

// Append adds a result, which is a JSON object, and what lists say of it. When
// it returns without an error the result has reached the disk; with one, the
// file is as it was. It makes the file and its directory where they are
// missing, for their owner alone.
func (s *Store) Append(e report.HistoryEntry, result []byte) error {
	data, err := encode(e, result)
	if err == nil && len(data) > s.limit {
		err = fmt.Errorf("it has %d bytes, and a line of the history at most %d", len(data), s.limit)
	}
	if err != nil {
		return fmt.Errorf("add the result to the history: %w", err)
	}
	f, err := s.locked(unix.O_RDWR | unix.O_APPEND | unix.O_CREAT)
	if err != nil {
		return s.failed("add the result to", err)
	}
	defer f.Close() // and with it the lock
	return s.failed("add the result to", appendTo(f, data))
}

// appendTo adds data in one write, behind a file that ends in a whole line.
func appendTo(f *os.File, data []byte) error {
	size, open, err := mend(f)
	if err != nil {
		return err
	}
	if open {
		data = append([]byte("\n"), data...)
	}
	if _, err := f.Write(data); err != nil {
		// A full disk may have taken a part. If this fails too, the next
		// writer finds it.
		return errors.Join(err, f.Truncate(size))
	}
	return f.Sync()
}

// mend removes a line that was never finished. It returns the file's size, and
// whether its last line is whole but for the line end.
func mend(f *os.File) (size int64, open bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	size = info.Size()
	start, err := lastLine(f, size)
	if err != nil || start == size {
		return size, false, err
	}
	tail := make([]byte, min(size-start, maxLine))
	if _, err := f.ReadAt(tail, start); err != nil {
		return 0, false, err
	}
	if _, err := decode(tail); err == nil || !torn(tail) {
		return size, true, nil // not ours: not ours to remove
	}
	return start, false, f.Truncate(start)
}

// lastLine returns where what stands behind the last line end begins.
func lastLine(f io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for end := size; end > 0; {
		start := max(end-int64(len(buf)), 0)
		part := buf[:end-start]
		if end == size {
			part = buf[:min(end-start, 1)] // nearly always the line end
			start = end - int64(len(part))
		}
		if _, err := f.ReadAt(part, start); err != nil {
			return 0, err
		}
		for i := len(part) - 1; i >= 0; i-- {
			if part[i] == '\n' {
				return start + int64(i) + 1, nil
			}
		}
		end = start
	}
	return 0, nil
}

// CheckWritable says whether a result could be added now. The file is there
// then.
func (s *Store) CheckWritable() error {
	f, err := s.open(unix.O_RDWR | unix.O_APPEND | unix.O_CREAT)
	if err != nil {
		return s.failed("add results to", err)
	}
	return f.Close()
}

// locked opens the file and locks it for this process alone.
func (s *Store) locked(flags int) (*os.File, error) {
	deadline := time.Now().Add(s.wait)
	for {
		f, err := s.open(flags)
		if err != nil {
			return nil, err
		}
		if err := flock(f, unix.LOCK_EX, deadline); err != nil {
			f.Close()
			return nil, err
		}
		if current(f, s.path) {
			return f, nil
		}
		f.Close() // it was replaced (by prune) while we waited
	}
}

// open opens the file. What is missing is made when flags say so.
func (s *Store) open(flags int) (*os.File, error) {
	// O_NONBLOCK: opening a FIFO must not wait for its other end.
	flags |= unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	f, err := os.OpenFile(s.path, flags&^unix.O_CREAT, 0)
	if errors.Is(err, fs.ErrNotExist) && flags&unix.O_CREAT != 0 {
		f, err = s.create(flags)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotFile
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (s *Store) create(flags int) (*os.File, error) {
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(s.path, flags, 0o600)
	if err == nil {
		syncDir(dir)
	}
	return f, err
}

// syncDir makes a name durable. Some file systems can't sync a directory; the
// file is whole either way.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// current reports whether path still names the file that f is.
func current(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

var (
	errNotFile = errors.New("it is no ordinary file")
	errLocked  = errors.New("another process has had it locked all the while")
)

// flock waits for a lock until the deadline. It asks again and again: a system
// call that waits could not be given up.
func flock(f *os.File, how int, deadline time.Time) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return os.NewSyscallError("flock", err)
		case time.Now().After(deadline):
			return errLocked
		}
		time.Sleep(pause)
	}
}

// failed names the file and adds what to do.
func (s *Store) failed(verb string, err error) error {
	if err == nil {
		return nil
	}
	if p := new(fs.PathError); errors.As(err, &p) && p.Path != s.path {
		err = fmt.Errorf("%s %s: %w", p.Op, p.Path, p.Err) // a directory, a temporary file
	} else if p.Err != nil {
		err = p.Err
	}
	if hint := s.hint(err); hint != "" {
		return fmt.Errorf("%s the history %q: %w: %s", verb, s.path, err, hint)
	}
	return fmt.Errorf("%s the history %q: %w", verb, s.path, err)
}

func (s *Store) hint(err error) string {
	const elsewhere = "name another file with the variable ENERGYPROBE_HISTORY"
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return "free some space, shorten it with energyprobe history prune, or " + elsewhere
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only; " + elsewhere
	case errors.Is(err, fs.ErrPermission):
		return "the file and its directory must belong to the user; " + elsewhere
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrNotExist):
		return filepath.Dir(s.path) + " is no directory and can't become one; " + elsewhere
	case errors.Is(err, errNotFile), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENXIO):
		return elsewhere
	case errors.Is(err, errLocked):
		return "see which with: fuser -v " + s.path
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
		return "the file system has no locks; " + elsewhere
	}
	return ""
}
