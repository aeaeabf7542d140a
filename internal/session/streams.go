package session

import (
	"bytes"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// maxMatched bounds what of a line is compared with the pattern, in bytes.
const maxMatched = 4096

// lineMatcher finds the lines of an output that begin a phase.
type lineMatcher struct {
	pattern *regexp.Regexp
	line    []byte // of the line that has not ended yet, at most maxMatched bytes
}

// match appends a mark for each line of the piece that matches.
func (l *lineMatcher) match(piece []byte, out []mark) []mark {
	for len(piece) > 0 {
		part, rest, ended := bytes.Cut(piece, []byte{'\n'})
		line := part
		if len(l.line) > 0 || !ended {
			l.line = append(l.line, part[:min(len(part), maxMatched-len(l.line))]...)
			line = l.line
		}
		if ended {
			if name, ok := l.phaseOf(line); ok {
				out = append(out, mark{beginPhase, name})
			}
			l.line = l.line[:0]
		}
		piece = rest
	}
	return out
}

// phaseOf returns the phase that a line begins: what the first group of the
// pattern holds, or all that matched.
func (l *lineMatcher) phaseOf(line []byte) (name string, ok bool) {
	line = bytes.TrimSuffix(line[:min(len(line), maxMatched)], []byte{'\r'})
	found := l.pattern.FindSubmatch(line)
	if found == nil {
		return "", false
	}
	text := found[0]
	if len(found) > 1 && found[1] != nil {
		text = found[1]
	}
	name = strings.TrimSpace(strings.ToValidUTF8(string(text[:min(len(text), maxLine)]), "\uFFFD"))
	return name, name != ""
}

// passOn passes a stream of the command's on to where it was to go, and marks
// the phases that its lines begin. When nobody takes it any more the pipe is
// closed, so that the command learns of it as it would without the pipe.
func (l *phaseLog) passOn(pattern *regexp.Regexp, to int) func([]byte, energy.Instant) bool {
	m := &lineMatcher{pattern: pattern}
	var marks []mark
	return func(piece []byte, at energy.Instant) bool {
		marks = m.match(piece, marks[:0])
		l.take(at, marks)
		return writeAll(to, piece) == nil
	}
}

// writeAll writes to a descriptor that may be of any kind, and be set not to
// block by whoever shares it.
func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		switch err {
		case nil:
			b = b[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		default:
			return err
		}
	}
	return nil
}
