package gate

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func start(t *testing.T, argv ...string) *Process {
	t.Helper()
	p, err := Start(Command{
		Path: argv[0], Argv: argv, Env: []string{"GATE=yes"},
		Stdin: os.Stdin.Fd(), Stdout: os.Stdout.Fd(), Stderr: os.Stderr.Fd(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func comm(t *testing.T, pid int) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestCommandWaitsAtTheGate(t *testing.T) {
	p := start(t, "/bin/sh", "-c", `test "$GATE" = yes && exit 7`)
	time.Sleep(20 * time.Millisecond)
	if c := comm(t, p.PID); c == "sh" {
		t.Fatal("the command ran before the gate was opened")
	}
	if _, err := p.Open(); err != nil {
		t.Fatal(err)
	}
	e, err := p.Wait()
	if err != nil || e.Status.ExitStatus() != 7 {
		t.Fatalf("status %v, error %v; want exit status 7", e.Status, err)
	}
}

func TestCommandIsOurOwnChild(t *testing.T) {
	p := start(t, "/bin/sleep", "10")
	if _, err := p.Open(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	e, err := p.Wait()
	if err != nil || e.Status.Signal() != syscall.SIGTERM {
		t.Fatalf("status %v, error %v; want death by SIGTERM", e.Status, err)
	}
}

// A process forked from this test would inherit the test's own peak.
func TestMemoryPeakIsTheCommandsOwn(t *testing.T) {
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	p := start(t, "/bin/true")
	if _, err := p.Open(); err != nil {
		t.Fatal(err)
	}
	e, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if e.Rusage.Maxrss > 8<<10 { // KiB
		t.Errorf("/bin/true had a peak of %d KiB; want its own few MiB (the test holds %d MiB)", e.Rusage.Maxrss, len(ballast)>>20)
	}
}

func TestExecFailureCarriesTheErrno(t *testing.T) {
	for path, want := range map[string]syscall.Errno{
		"/nonexistent": syscall.ENOENT,
		"/etc/passwd":  syscall.EACCES,
		"/":            syscall.EACCES,
	} {
		p := start(t, path)
		_, err := p.Open()
		var ee *ExecError
		if !errors.As(err, &ee) || ee.Errno != want {
			t.Errorf("%s: error %v, want %v", path, err, want)
		}
		if err := syscall.Kill(p.PID, 0); err != syscall.ESRCH {
			t.Errorf("%s: process %d is still there", path, p.PID)
		}
	}
}

func TestAbandonLeavesNothing(t *testing.T) {
	p := start(t, "/bin/sleep", "10")
	p.Abandon()
	p.Abandon()
	if err := syscall.Kill(p.PID, 0); err != syscall.ESRCH {
		t.Errorf("process %d is still there: %v", p.PID, err)
	}
}

// Descriptors that the caller's shell opened belong to the command.
func TestInheritedDescriptorsStay(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd := keep(w)
	p := start(t, "/bin/sh", "-c", "echo kept >&"+fd)
	if _, err := p.Open(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if e, err := p.Wait(); err != nil || e.Status.ExitStatus() != 0 {
		t.Fatalf("status %v, error %v", e.Status, err)
	}
	b := make([]byte, 16)
	n, _ := r.Read(b)
	if string(b[:n]) != "kept\n" {
		t.Errorf("the command wrote %q to the inherited descriptor", b[:n])
	}
}

func BenchmarkStartOpenWait(b *testing.B) {
	for b.Loop() {
		p, err := Start(Command{Path: "/bin/true", Argv: []string{"true"}, Stdin: 0, Stdout: 1, Stderr: 2})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Open(); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}
