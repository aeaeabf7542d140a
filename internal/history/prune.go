package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Retention says which results go. Each rule by itself is enough.
type Retention struct {
	Keep   int       // all but the newest so many; 0 means that none goes for its number
	Before time.Time // those that began before; zero means that none goes for its age
}

// Prune removes results, and returns how many went and how many stayed. The
// file is replaced whole or not at all, under the lock: nothing that is stored
// meanwhile is lost. Lines that can't be read stay, but for a last one that was
// never finished.
func (s *Store) Prune(r Retention) (removed, kept int, err error) {
	f, err := s.locked(unix.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err == nil {
		defer f.Close() // and with it the lock
		removed, kept, err = s.prune(f, r)
	}
	return removed, kept, s.failed("prune", err)
}

func (s *Store) prune(f *os.File, r Retention) (removed, kept int, err error) {
	size, _, err := mend(f)
	if err != nil {
		return 0, 0, err
	}
	all := 0
	err = eachLine(io.NewSectionReader(f, 0, size), s.limit, func(_ int, data []byte, _ bool) error {
		if _, err := decode(data); err == nil {
			all++
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	goes := func(n int, l line) bool {
		at := l.entry.StartedAt
		return r.Keep > 0 && n < all-r.Keep || !r.Before.IsZero() && !at.IsZero() && at.Before(r.Before)
	}
	err = s.replace(f, func(w io.Writer) (changed bool, err error) {
		removed, err = copyLines(w, io.NewSectionReader(f, 0, size), s.limit, goes)
		return removed > 0, err
	})
	if err != nil {
		return 0, all, err
	}
	return removed, all - removed, nil
}

// copyLines copies all lines but the results that go; n counts results.
func copyLines(w io.Writer, from io.Reader, limit int, goes func(n int, l line) bool) (removed int, err error) {
	n := -1
	err = eachLine(from, limit, func(number int, data []byte, _ bool) error {
		if len(data) >= limit {
			return fmt.Errorf("line %d has more than %d bytes: remove it by hand", number, limit)
		}
		if l, err := decode(data); err == nil {
			if n++; goes(n, l) {
				removed++
				return nil
			}
		}
		_, err := w.Write(append(data[:len(data):len(data)], '\n'))
		return err
	})
	return removed, err
}

// replace puts a new file in the place of f, unless write changed nothing.
func (s *Store) replace(f *os.File, write func(io.Writer) (changed bool, err error)) (err error) {
	path, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".energyprobe-history-*")
	if err != nil {
		return err
	}
	done := false
	defer func() {
		tmp.Close()
		if !done {
			os.Remove(tmp.Name())
		}
	}()
	b := bufio.NewWriterSize(tmp, 256<<10)
	if changed, err := write(b); err != nil || !changed {
		return err
	}
	if err := errors.Join(b.Flush(), keepIdentity(tmp, f), tmp.Sync()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	done = true
	syncDir(filepath.Dir(path))
	return nil
}

// keepIdentity gives a file the mode and, where permitted, the owner of old.
func keepIdentity(f, old *os.File) error {
	info, err := old.Stat()
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid)) // only root may give files away
	}
	return f.Chmod(info.Mode().Perm())
}
