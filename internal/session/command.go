package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/host"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/perfevent"
	"github.com/energyprobe/energyprobe/perfevent/gate"
)

// Command is a command to run and measure.
type Command struct {
	Argv       []string
	Env        []string // of the command; nil means this process's own
	Credential *syscall.Credential
	User       string // whose credential that is, for the report
	// Stdin, Stdout and Stderr are the command's; nil means this process's own.
	Stdin, Stdout, Stderr *os.File
	// PassInterrupt says whether SIGINT and SIGQUIT have to be passed on. A
	// terminal sends them to the command by itself.
	PassInterrupt func() bool
}

// NotFoundError and NotExecutableError are why a command can't run; shells
// give them the exit statuses 127 and 126.
type NotFoundError struct{ Name string }

// NotExecutableError has the file and what the kernel said.
type NotExecutableError struct {
	Path string
	Err  error
}

func (e *NotFoundError) Error() string {
	if strings.Contains(e.Name, "/") {
		return fmt.Sprintf("command %s: no such file", e.Name)
	}
	return fmt.Sprintf("command %s: not found in PATH", e.Name)
}

func (e *NotExecutableError) Error() string {
	switch {
	case errors.Is(e.Err, unix.ENOEXEC):
		return fmt.Sprintf("command %s: not a program this kernel can run; a script needs a first line such as #!/bin/sh", e.Path)
	case errors.Is(e.Err, unix.EACCES), errors.Is(e.Err, fs.ErrPermission):
		return fmt.Sprintf("command %s: not executable (chmod +x %s, or name its interpreter)", e.Path, e.Path)
	case errors.Is(e.Err, unix.ENOENT):
		return fmt.Sprintf("command %s: the interpreter or loader it names is missing", e.Path)
	}
	return fmt.Sprintf("command %s: %v", e.Path, e.Err)
}

func (e *NotExecutableError) Unwrap() error { return e.Err }

// lookPath finds the file of a command as execvp(3) does. A file that is there
// and can't be executed is remembered while the search goes on.
func lookPath(name, path string) (string, error) {
	if name == "" {
		return "", &NotFoundError{Name: "''"}
	}
	if strings.Contains(name, "/") {
		return executableFile(name)
	}
	var denied error
	for _, dir := range filepath.SplitList(path) {
		if dir == "" {
			dir = "."
		}
		file, err := executableFile(filepath.Join(dir, name))
		if err == nil {
			return file, nil
		}
		var ne *NotExecutableError
		if denied == nil && errors.As(err, &ne) {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", &NotFoundError{Name: name}
}

func executableFile(file string) (string, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return "", &NotFoundError{Name: file}
	case err != nil:
		return "", &NotExecutableError{Path: file, Err: err}
	case info.IsDir():
		return "", &NotExecutableError{Path: file, Err: errors.New("is a directory")}
	case info.Mode()&0o111 == 0:
		return "", &NotExecutableError{Path: file, Err: unix.EACCES}
	}
	return file, nil
}

func orOwn(f, own *os.File) *os.File {
	if f == nil {
		return own
	}
	return f
}

// commandTarget is a command behind the gate, then running.
type commandTarget struct {
	*Command
	counted
	proc   *gate.Process
	exit   gate.Exit
	left   bool // descendants were alive when the window closed
	reaped bool
}

func newCommandTarget(s *session) (target, error) {
	c := s.Command
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	file, err := lookPath(c.Argv[0], os.Getenv("PATH"))
	if err != nil {
		return nil, err
	}
	// Orphans of the command come to this process: their end is seen, their
	// usage counted.
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	proc, err := gate.Start(gate.Command{
		Path: file, Argv: c.Argv, Env: env, Credential: c.Credential,
		Stdin: orOwn(c.Stdin, os.Stdin).Fd(), Stdout: orOwn(c.Stdout, os.Stdout).Fd(), Stderr: orOwn(c.Stderr, os.Stderr).Fd(),
	})
	if err != nil {
		return nil, err
	}
	t := &commandTarget{Command: c, proc: proc}
	t.counters = s.counters(perfevent.Target{Waiting: proc.PID})
	return t, nil
}

func (t *commandTarget) hostTarget() host.Target {
	return host.Target{PID: t.proc.PID, Own: true, Launched: true}
}

func (t *commandTarget) open() (energy.Instant, error) {
	at, err := t.proc.Open()
	var ee *gate.ExecError
	if errors.As(err, &ee) {
		t.reaped = true
		return at, &NotExecutableError{Path: ee.Path, Err: ee.Errno}
	}
	return at, err
}

// wait returns when the command has ended, and with WaitAll when no descendant
// is left. Other children that end meanwhile are reaped, and signals passed on.
// The command itself is left to finish: the energy counters come first.
func (t *commandTarget) wait(ctx context.Context, s *session) {
	ended := make(chan struct{})
	go func() {
		s.closeWindow(t.reap(s))
		close(ended)
	}()
	done := ctx.Done()
	for {
		select {
		case <-ended:
			return
		case sig := <-s.Signals:
			t.pass(sig)
		case <-done:
			done = nil
			_ = unix.Kill(t.proc.PID, unix.SIGTERM)
		}
	}
}

// pass sends a signal on to the command.
func (t *commandTarget) pass(sig os.Signal) {
	n, ok := sig.(syscall.Signal)
	if !ok || n == unix.SIGCHLD || n == unix.SIGURG || n == unix.SIGPIPE {
		return
	}
	if (n == unix.SIGINT || n == unix.SIGQUIT) && t.PassInterrupt != nil && !t.PassInterrupt() {
		return
	}
	_ = unix.Kill(t.proc.PID, n) // it may have ended just now
}

// reap waits for children one by one until the command is seen to have ended,
// or with WaitAll the last descendant.
func (t *commandTarget) reap(s *session) energy.Instant {
	var end energy.Instant
	for {
		pid, at, err := nextExit(0)
		if err != nil { // ECHILD: nobody is left
			return end
		}
		end = at
		if pid == t.proc.PID && !s.WaitAll {
			return end
		}
		t.bury(pid, at, s.host)
	}
}

// bury reaps a child that has ended. It is looked at before: its counters go
// with it.
func (t *commandTarget) bury(pid int, at energy.Instant, h *host.Sampler) {
	h.Ending(pid)
	e := gate.Exit{At: at}
	if _, err := syscall.Wait4(pid, &e.Status, 0, &e.Rusage); err != nil {
		return // somebody else's wait was faster: no usage is known of it
	}
	h.Reaped(pid, &e.Rusage)
	if pid == t.proc.PID {
		t.exit, t.reaped = e, true
	}
}

// finish reaps the command, after the energy counters have been read, and sees
// whether it left anybody behind.
func (t *commandTarget) finish(s *session) {
	if !t.reaped {
		t.bury(t.proc.PID, s.end, s.host)
		t.reaped = true
	}
	t.left = t.buryOthers(s.host)
}

// buryOthers reaps the children that have ended by now, which go on no more
// than the command does, and reports whether any are left.
func (t *commandTarget) buryOthers(h *host.Sampler) (left bool) {
	for {
		switch pid, at, err := nextExit(unix.WNOHANG); {
		case err != nil: // ECHILD: nobody is left
			return false
		case pid == 0:
			return true
		default:
			t.bury(pid, at, h)
		}
	}
}

// nextExit waits for a child to end and leaves it to be reaped. With WNOHANG,
// pid is 0 where all children go on.
func nextExit(flags int) (pid int, at energy.Instant, err error) {
	// siginfo_t of waitid(2) on 64-bit Linux: si_pid follows the three
	// leading ints and the padding that aligns the union to 8 bytes.
	const pidOffset = 16
	var info unix.Siginfo
	for {
		err = unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
		at = energy.Now()
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return 0, at, os.NewSyscallError("waitid", err)
	}
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), pidOffset))), at, nil
}

func (t *commandTarget) describe(r *report.Run) {
	r.Target = report.Target{Kind: "command"}
	c := &report.Command{Argv: t.Argv, PID: t.proc.PID, User: t.User}
	if t.exit.Status.Signaled() {
		c.Signal = unix.SignalName(t.exit.Status.Signal())
	} else {
		code := t.exit.Status.ExitStatus()
		c.ExitCode = &code
	}
	r.Command = c
	if t.left {
		r.Warnings = append(r.Warnings, report.Warning{
			Code:    "descendants-left",
			Message: "the command ended while processes it had started went on; their energy after that is not in this result",
			Advice:  "use --wait-all to measure until the last of them has ended",
		})
	}
}

func (t *commandTarget) close() {
	if !t.reaped {
		t.proc.Abandon()
	}
	t.counters.Close()
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
}
