package gate

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lastDigit is the largest descriptor that every shell takes in >&$VAR: dash
// and other small ones know a single digit only.
const lastDigit = 9

// files is what a child gets at which number.
type files struct {
	list  []uintptr // for syscall.ProcAttr.Files
	env   []string
	moved []int // copies of this process, to be closed after the fork
}

const closed = ^uintptr(0) // in files.list: this number is closed in the child

// lay decides which descriptors the child gets. Those that the caller's shell
// opened keep their numbers, as do the gate's own pipes; exe must stay open
// until the gate runs.
//
// Where a number changes hands, Go's fork puts copies of its own at numbers
// above all that it is given, whatever else is open there. So everything that
// moves is copied first to numbers above all that are open.
func (c Command) lay(exe *os.File) (*files, error) {
	f := &files{list: []uintptr{c.Stdin, c.Stdout, c.Stderr}, env: c.Env}
	if c.Stdin == 0 && c.Stdout == 1 && c.Stderr == 2 && c.Pipe == 0 {
		return f, nil
	}
	top, err := highest()
	if err != nil {
		return nil, err
	}
	for n, fd := range f.list {
		if fd != uintptr(n) {
			f.list[n], err = f.lift(fd, top+1)
			if err != nil {
				return nil, err
			}
		}
	}
	if c.Pipe == 0 {
		return f, nil
	}
	n := free(exe.Fd())
	at, err := f.lift(c.Pipe, top+1)
	if err != nil {
		return nil, err
	}
	for k := len(f.list); k < n; k++ {
		if inherited(k) || uintptr(k) == exe.Fd() {
			f.list = append(f.list, uintptr(k))
		} else {
			f.list = append(f.list, closed)
		}
	}
	f.list = append(f.list, at)
	f.env = slices.DeleteFunc(slices.Clone(c.Env), func(kv string) bool { return strings.HasPrefix(kv, c.PipeVar+"=") })
	f.env = append(f.env, c.PipeVar+"="+strconv.Itoa(n))
	return f, nil
}

// lift copies a descriptor to a number from min on.
func (f *files) lift(fd uintptr, least int) (uintptr, error) {
	n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, least)
	if err != nil {
		f.drop()
		return 0, fmt.Errorf("copy descriptor %d for the command (see ulimit -n): %w", fd, os.NewSyscallError("fcntl", err))
	}
	f.moved = append(f.moved, n)
	return uintptr(n), nil
}

// drop closes this process's copies.
func (f *files) drop() {
	for _, fd := range f.moved {
		unix.Close(fd)
	}
	f.moved = nil
}

// highest returns the highest descriptor that is open.
func highest() (int, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0, fmt.Errorf("list this process's descriptors: %w", err)
	}
	top := 2
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			top = max(top, n)
		}
	}
	return top, nil
}

// inherited reports whether a child gets this descriptor by itself.
func inherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// free returns the lowest number that no descriptor has in a child.
func free(except uintptr) int {
	for n := 3; ; n++ {
		if !inherited(n) && uintptr(n) != except {
			return n
		}
	}
}
