package host

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary starts itself as the command to be measured. Each process
// waits for its gate, does its part, and notes in a file of its own what it
// used by its own account: the truth that the sampler is held against.
const (
	roleVariable  = "HOST_TEST_ROLE"
	notesVariable = "HOST_TEST_NOTES"
	// The race detector would let each process linger for a second.
	noLinger = "GORACE=atexit_sleep_ms=0"
)

// note is what a process says it used from the gate on.
type note struct {
	cpu                         time.Duration
	readChars, written, flushed int64
	peak                        int64 // VmHWM of the process
}

func own() note {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		panic(err)
	}
	io, err := parseProcIO(b)
	if err != nil {
		panic(err)
	}
	return note{cpu: time.Duration(ts.Nano()), readChars: int64(io.readChars), written: int64(io.writtenChars), flushed: int64(io.written)}
}

func (n note) minus(m note) note {
	return note{cpu: n.cpu - m.cpu, readChars: n.readChars - m.readChars, written: n.written - m.written, flushed: n.flushed - m.flushed}
}

// inherited is the bytes of children that were waited for: the kernel adds
// them to their parent's.
var inherited note

// play is a measured process. Roles are separated by spaces and done in turn.
func play(roles string) {
	var zero note
	if os.Getenv("HOST_TEST_GATE") != "" {
		// The leader is started before the window opens.
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
			panic(err)
		}
		_ = os.Unsetenv("HOST_TEST_GATE")
		zero = own()
	}
	for _, role := range strings.Split(roles, " ") {
		name, arg, _ := strings.Cut(role, "=")
		act(name, arg)
	}
	n := own().minus(zero).minus(inherited)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	peak, err := parseHighWater(status)
	if err != nil {
		panic(err)
	}
	line := fmt.Sprintln(int64(n.cpu), n.readChars, n.written, n.flushed, peak)
	file := filepath.Join(os.Getenv(notesVariable), strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(file, []byte(line), 0o644); err != nil {
		panic(err)
	}
}

func act(name, arg string) {
	switch name {
	case "burn": // milliseconds of CPU time of this thread
		burn(arg)
	case "threads": // that many, 50 ms each
		n, _ := strconv.Atoi(arg)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { burn("50") })
		}
		wg.Wait()
	case "sleep":
		ms, _ := strconv.Atoi(arg)
		time.Sleep(time.Duration(ms) * time.Millisecond)
	case "ignore": // the kernel reaps children, and drops what they used
		signal.Ignore(syscall.SIGCHLD)
	case "run": // a child, waited for; its roles are separated by commas
		pid := spawn(arg)
		before := own()
		waitFor(pid)
		before.cpu = own().cpu // a process's clock is its own
		got := own().minus(before)
		inherited.readChars += got.readChars
		inherited.written += got.written
		inherited.flushed += got.flushed
	case "orphan": // a child that is left behind
		spawn(arg)
	case "pause": // until standard input ends
		_, _ = os.Stdin.Read(make([]byte, 1))
	case "write": // MiB to a file, to the disk, read back
		mib, _ := strconv.Atoi(arg)
		file := filepath.Join(os.Getenv(notesVariable), "data"+strconv.Itoa(os.Getpid()))
		f, err := os.Create(file)
		if err != nil {
			panic(err)
		}
		for range mib {
			_, _ = f.Write(make([]byte, 1<<20))
		}
		_ = f.Sync()
		_ = f.Close()
		_, _ = os.ReadFile(file)
	case "touch": // MiB of memory, held for 200 ms
		mib, _ := strconv.Atoi(arg)
		b := bytes.Repeat([]byte{1}, mib<<20)
		time.Sleep(200 * time.Millisecond)
		_ = b[len(b)-1]
	default:
		panic("no role " + name)
	}
}

func burn(arg string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ms, _ := strconv.Atoi(arg)
	for end := threadTime() + time.Duration(ms)*time.Millisecond; threadTime() < end; {
		for i, x := 0, 1; i < 20000; i++ {
			x = x*31 + i
			_ = x
		}
	}
}

func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

func spawn(roles string) int {
	env := []string{roleVariable + "=" + strings.ReplaceAll(roles, ",", " "), notesVariable + "=" + os.Getenv(notesVariable), noLinger}
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"host.test"}, &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}})
	if err != nil {
		panic(err)
	}
	return pid
}

func waitFor(pid int) {
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err == syscall.ECHILD {
			return // reaped by the kernel
		}
		if err != nil || ws.ExitStatus() != 0 {
			panic(fmt.Sprint("child: ", err, ws))
		}
		return
	}
}
