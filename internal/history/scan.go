package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Scan calls yield with the selected entries, oldest first, and stops at its
// first error. It holds one line and Last entries at a time. Lines that can't
// be read are warnings; a store that does not exist yet is empty.
func (s *Store) Scan(f Filter, yield func(report.HistoryEntry) error) ([]report.Warning, error) {
	var kept []report.HistoryEntry // the last f.Last, as a ring
	n := 0
	warnings, err := s.each(func(l line) error {
		switch {
		case !f.Match(&l.entry):
			return nil
		case f.Last <= 0:
			return yield(l.entry)
		case len(kept) < f.Last:
			kept = append(kept, l.entry)
		default:
			kept[n%f.Last] = l.entry
		}
		n++
		return nil
	})
	if err != nil {
		return warnings, err
	}
	for i := range kept {
		if err := yield(kept[(n+i)%len(kept)]); err != nil {
			return warnings, err
		}
	}
	return warnings, nil
}

// List returns the selected entries, oldest first.
func (s *Store) List(f Filter) ([]report.HistoryEntry, []report.Warning, error) {
	all := []report.HistoryEntry{}
	warnings, err := s.Scan(f, func(e report.HistoryEntry) error {
		all = append(all, e)
		return nil
	})
	return all, warnings, err
}

// Last stands for the newest result where an ID is asked for.
const Last = "last"

// minID is the shortest part of an ID that Find takes.
const minID = 4

// Find returns the entry whose ID is, or begins with, id, and its result. Of
// several with the same ID it is the newest.
func (s *Store) Find(id string) (e report.HistoryEntry, result []byte, err error) {
	if len(id) < minID {
		return e, nil, fmt.Errorf("find %q in the history: give at least %d characters of an ID, or %q", id, minID, Last)
	}
	var found []string
	_, err = s.each(func(l line) error {
		if id != Last && !strings.HasPrefix(l.entry.ID, id) {
			return nil
		}
		if id != Last && !slices.Contains(found, l.entry.ID) {
			found = append(found, l.entry.ID)
		}
		e, result = l.entry, append(result[:0], l.result...)
		return nil
	})
	switch {
	case err != nil:
		return e, nil, err
	case result == nil:
		return e, nil, fmt.Errorf("find %q in the history %q: no such result; energyprobe history lists what there is", id, s.path)
	case len(found) > 1:
		more := ""
		if len(found) > 5 {
			found, more = found[:5], ", ..."
		}
		return e, nil, fmt.Errorf("find %q in the history %q: it fits several results; give more of the ID: %s%s", id, s.path, strings.Join(found, ", "), more)
	}
	return e, result, nil
}

// each calls yield with every line that can be read. The line is valid until
// yield returns.
func (s *Store) each(yield func(line) error) ([]report.Warning, error) {
	w := &trouble{path: s.path}
	f, err := s.open(unix.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return w.warnings(), nil
	}
	if err != nil {
		return nil, s.failed("read", err)
	}
	defer f.Close()
	size, err := settled(f)
	if err != nil {
		return nil, s.failed("read", err)
	}
	err = eachLine(io.LimitReader(f, size), s.limit, func(n int, data []byte, ended bool) error {
		l, err := decode(data)
		switch {
		case len(bytes.TrimSpace(data)) == 0 && ended:
			return nil
		case err == nil:
			return yield(l)
		case !ended && torn(data):
			w.add("history-torn", n, "the last line was never finished, and is left out", "the next result that is stored takes its place")
		default:
			w.add("history-line", n, "the line is left out: "+err.Error(), "remove the line, or repair it")
		}
		return nil
	})
	if read := new(fs.PathError); errors.As(err, &read) {
		err = s.failed("read", err)
	}
	return w.warnings(), err
}

// settled returns the size of the file while nobody writes to it. Who reads up
// to there sees whole lines, and keeps no writer waiting meanwhile.
func settled(f *os.File) (int64, error) {
	// A reader can do without: the last line may be half written then.
	if flock(f, unix.LOCK_SH, time.Now().Add(2*time.Second)) == nil {
		defer func() { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) }()
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// eachLine calls yield with the lines of r, without their ends, numbered from
// 1. ended is false for a last line that has no end. A line of more than limit
// bytes is cut there: it can't be read then.
func eachLine(r io.Reader, limit int, yield func(n int, data []byte, ended bool) error) error {
	in := bufio.NewReaderSize(r, 256<<10)
	var long []byte // a line that does not fit in's buffer
	for n := 1; ; {
		part, err := in.ReadSlice('\n')
		if len(long) > 0 || errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, part[:min(len(part), limit-len(long))]...)
			part = long
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && err != io.EOF:
			return err
		case err == io.EOF && len(part) == 0:
			return nil
		}
		data, _ := bytes.CutSuffix(part, []byte("\n"))
		if err := yield(n, data, err == nil); err != nil {
			return err
		}
		long = long[:0]
		n++
	}
}

// trouble collects what went wrong with lines: the first few of them by
// themselves, so that a file that is no history does not flood a terminal.
type trouble struct {
	path string
	list []report.Warning
	more int
}

const maxTrouble = 10

func (t *trouble) add(code string, n int, message, advice string) {
	if len(t.list) == maxTrouble {
		t.more++
		return
	}
	t.list = append(t.list, report.Warning{Code: code, Message: fmt.Sprintf("%s:%d: %s", t.path, n, message), Advice: advice})
}

func (t *trouble) warnings() []report.Warning {
	if t.more > 0 {
		t.list = append(t.list, report.Warning{Code: "history-line",
			Message: fmt.Sprintf("%s: %d further lines could not be read", t.path, t.more), Advice: "see whether the file is a history at all"})
	}
	return t.list
}
