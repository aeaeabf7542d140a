// Package gate starts a command that waits before its first instruction until
// it is let go, so that counters can be armed on it in between. The waiting is
// done by a program of a kilobyte (image/gate.c), not by a copy of this one: the
// command inherits neither this program's memory peak nor its run time.
package gate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

//go:generate ./image/build.sh

// Command is what to start.
type Command struct {
	Path       string   // the file to execute, already looked up
	Argv       []string // Argv[0] included, not empty
	Env        []string
	Dir        string // "" is the present directory
	Stdin      uintptr
	Stdout     uintptr
	Stderr     uintptr
	Credential *syscall.Credential // nil keeps the caller's
	// Pipe is one more descriptor that the command gets, 0 for none, under the
	// lowest number that its shell has not used: a single digit, but for shells
	// that have used all seven. The variable PipeVar of its environment says which.
	Pipe    uintptr
	PipeVar string
}

// Process is a started command, behind the gate until Open.
type Process struct {
	PID    int
	path   string
	open   *os.File // write end of GO
	status *os.File // read end of STATUS
	ended  bool
}

// ExecError says that the command's file could not be executed.
type ExecError struct {
	Path  string
	Errno syscall.Errno
}

func (e *ExecError) Error() string { return fmt.Sprintf("execute %s: %v", e.Path, e.Errno) }

// Unwrap returns the errno.
func (e *ExecError) Unwrap() error { return e.Errno }

// Start brings the command to the gate. The caller ends it with Open and Wait,
// or with Abandon.
func Start(c Command) (*Process, error) {
	exe, err := imageFile()
	if err != nil {
		return nil, err
	}
	defer exe.Close()
	goR, goW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make the gate's pipe: %w", err)
	}
	statR, statW, err := os.Pipe()
	if err != nil {
		goR.Close()
		goW.Close()
		return nil, fmt.Errorf("make the gate's pipe: %w", err)
	}
	p := &Process{path: c.Path, open: goW, status: statR}
	if err := p.fork(c, exe, goR, statW); err != nil {
		goW.Close()
		statR.Close()
		return nil, err
	}
	return p, nil
}

// fork runs the gate, which leaves the waiting child to us, and reaps it. The
// gate itself is the child where it could not make one. The two descriptors keep
// their own numbers in the child, so descriptors that the caller's shell opened
// for the command (3>file) stay where they are.
func (p *Process) fork(c Command, exe, goR, statW *os.File) error {
	argv := append([]string{"gate", keep(goR), keep(statW), c.Path}, c.Argv...)
	f, err := c.lay(exe)
	if err != nil {
		goR.Close()
		statW.Close()
		return err
	}
	pid, err := syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(int(exe.Fd())), argv, &syscall.ProcAttr{
		Dir: c.Dir, Env: f.env, Files: f.list,
		Sys: &syscall.SysProcAttr{Credential: c.Credential},
	})
	f.drop()
	// The child alone holds its ends from here on: its death is an end-of-file.
	goR.Close()
	statW.Close()
	if err != nil {
		return fmt.Errorf("start the gate that holds the command: %w", err)
	}
	p.PID, err = p.readInt()
	if err != nil || p.PID != pid {
		if _, err := wait4(pid); err != nil {
			return fmt.Errorf("wait for the gate: %w", err)
		}
	}
	if err != nil {
		return fmt.Errorf("the gate ended before the command was made: %w", err)
	}
	return nil
}

// keep clears close-on-exec on f and returns its number.
func keep(f *os.File) string {
	fd := f.Fd()
	_, _ = unix.FcntlInt(fd, unix.F_SETFD, 0)
	return strconv.Itoa(int(fd))
}

func (p *Process) readInt() (int, error) {
	var b [4]byte
	if _, err := io.ReadFull(p.status, b[:]); err != nil {
		return 0, err
	}
	return int(int32(binary.NativeEndian.Uint32(b[:]))), nil
}

// Open lets the command go and returns the instant before it did. It comes
// back once the command's image is in place, or with an *ExecError, after
// which the process is gone.
func (p *Process) Open() (energy.Instant, error) {
	defer p.status.Close()
	at := energy.Now()
	_, err := p.open.Write([]byte{1})
	p.open.Close()
	if err != nil {
		p.reap()
		return at, fmt.Errorf("open the gate: %w", err)
	}
	switch n, err := p.readInt(); {
	case errors.Is(err, io.EOF):
		return at, nil
	case err != nil:
		return at, fmt.Errorf("watch the command start: %w", err)
	default:
		p.reap()
		return at, &ExecError{Path: p.path, Errno: syscall.Errno(n)}
	}
}

// Abandon ends a command that was not let go.
func (p *Process) Abandon() {
	if p == nil || p.ended {
		return
	}
	p.open.Close()
	p.status.Close()
	p.reap()
}

func (p *Process) reap() { _, _ = p.Wait() }

// Exit is how a process ended.
type Exit struct {
	At     energy.Instant // when this process learnt of it
	Status syscall.WaitStatus
	Rusage syscall.Rusage // of the process and the descendants it waited for
}

// Wait waits for the process to end.
func (p *Process) Wait() (Exit, error) {
	p.ended = true
	return wait4(p.PID)
}

func wait4(pid int) (Exit, error) {
	var e Exit
	for {
		_, err := syscall.Wait4(pid, &e.Status, 0, &e.Rusage)
		e.At = energy.Now()
		if err != syscall.EINTR {
			return e, os.NewSyscallError("wait4", err)
		}
	}
}

// imageFile puts the gate into a file in memory.
func imageFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("energyprobe-gate", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // MFD_EXEC is younger than Linux 6.3
		fd, err = unix.MemfdCreate("energyprobe-gate", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, &energy.Refusal{
			Name: "gate", Kind: energy.ErrForbidden, Err: err,
			Reason: fmt.Sprintf("no executable file in memory (memfd_create: %v)", err),
			Remedy: "sysctl vm.memfd_noexec=0",
		}
	}
	// The low numbers are for the command's pipe: see Command.Pipe.
	if high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, lastDigit+1); err == nil {
		unix.Close(fd)
		fd = high
	}
	f := os.NewFile(uintptr(fd), "energyprobe-gate")
	if _, err := f.Write(image); err != nil {
		f.Close()
		return nil, fmt.Errorf("write the gate: %w", err)
	}
	return f, nil
}
