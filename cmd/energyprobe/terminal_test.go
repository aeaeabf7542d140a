package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal and what was written to it.
type terminal struct {
	master *os.File
	mu     sync.Mutex
	text   bytes.Buffer
	over   sync.WaitGroup
}

// openTerminal returns a terminal and its other end, for the program in it.
func openTerminal(t *testing.T) (*terminal, *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	return &terminal{master: master}, slave
}

// start runs energyprobe as the leader of a session on a new terminal.
func startOnTerminal(t *testing.T, args ...string) (*terminal, *exec.Cmd) {
	t.Helper()
	term, slave := openTerminal(t)
	cmd := exec.Command("energyprobe", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	term.over.Go(func() {
		buf := make([]byte, 4096)
		for { // ends with EIO when nobody has the other end open
			n, err := term.master.Read(buf)
			term.mu.Lock()
			term.text.Write(buf[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	kill := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { kill.Stop() })
	return term, cmd
}

func (term *terminal) String() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.text.String()
}

func (term *terminal) waitFor(t *testing.T, text string) {
	t.Helper()
	for range 1000 {
		if strings.Contains(term.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q did not show up in\n%s", text, term)
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	var ee *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ee) && ee.Exited():
		return ee.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// ^C goes to the command by way of the terminal. It gets the signal once, may
// take its time, and the report comes with its status.
func TestInterruptOnTerminal(t *testing.T) {
	counted := filepath.Join(t.TempDir(), "counted")
	script := "n=0; trap 'n=$((n+1)); echo got >>" + counted + "' INT; echo ready; " +
		"while [ $n -eq 0 ]; do sleep 0.05; done; sleep 0.3; sleep 0.3; exit 7"
	for _, c := range []struct {
		name, script string
		flags        []string
		keys         string
		status       int
		report       string
		times        int
	}{
		{"caught", script, nil, "\x03", 7, "exit status 7", 1},
		{"not caught", "echo ready; exec sleep 30", nil, "\x03", 128 + 2, "SIGINT", 0},
		{"in a phase", "echo phase long >&$ENERGYPROBE_FD; echo ready; exec sleep 30", nil, "\x03", 128 + 2, "long ", 0},
		{"in a phase by its output", "echo ready; exec sleep 30", []string{"--phase-pattern", "r(ead)y"}, "\x03", 128 + 2, "ead ", 0},
		{"quit", "ulimit -c 0; echo ready; exec sleep 30", nil, "\x1c", 128 + 3, "SIGQUIT", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_ = os.Remove(counted)
			term, cmd := startOnTerminal(t, append(append([]string{"run"}, c.flags...), "--", "sh", "-c", c.script)...)
			term.waitFor(t, "ready")
			if _, err := io.WriteString(term.master, c.keys); err != nil {
				t.Fatal(err)
			}
			status := exitStatus(t, cmd.Wait())
			term.over.Wait()
			if status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			if out := term.String(); !strings.Contains(out, c.report) || !strings.Contains(out, "total") {
				t.Errorf("no report with %q:\n%s", c.report, out)
			}
			got, err := os.ReadFile(counted)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if n := strings.Count(string(got), "got"); n != c.times {
				t.Errorf("the command got %d signals, want %d", n, c.times)
			}
		})
	}
}

// With no command, ^C ends the window.
func TestInterruptEndsTheWindow(t *testing.T) {
	term, cmd := startOnTerminal(t, "run", "--all")
	time.Sleep(600 * time.Millisecond)
	if _, err := io.WriteString(term.master, "\x03"); err != nil {
		t.Fatal(err)
	}
	status := exitStatus(t, cmd.Wait())
	term.over.Wait()
	if out := term.String(); status != 0 || !strings.Contains(out, "total") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}

// A terminal that goes away is SIGHUP for the command, and the end.
func TestHangUp(t *testing.T) {
	// Under nohup the signal is ignored, and would be by the program too: what
	// is caught here is back at its default there.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGHUP)
	defer signal.Stop(caught)
	done := filepath.Join(t.TempDir(), "hup")
	term, cmd := startOnTerminal(t, "run", "-q", "-o", "/dev/null", "--", "sh", "-c",
		"trap 'echo hup >"+done+"; exit 9' HUP; echo ready; while :; do sleep 0.05; done")
	term.waitFor(t, "ready")
	if err := unix.Kill(cmd.Process.Pid, unix.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if status := exitStatus(t, cmd.Wait()); status != 9 {
		t.Errorf("exit status %d, want 9", status)
	}
	term.over.Wait()
	if _, err := os.Stat(done); err != nil {
		t.Error(err)
	}
}

// What goes on is said while nothing is measured, and taken away before the
// command has the terminal; what the command left there stays.
func TestStatusLine(t *testing.T) {
	const erase = "\r\x1b[K"
	t.Run("a command has the terminal", func(t *testing.T) {
		term, cmd := startOnTerminal(t, "run", "--source", "model", "-o", "/dev/null", "--", "printf", "half a line")
		if status := exitStatus(t, cmd.Wait()); status != 0 {
			t.Errorf("exit status %d", status)
		}
		term.over.Wait()
		if got := term.String(); !strings.HasPrefix(got, "half a line") || strings.Contains(got, erase) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("the machine", func(t *testing.T) {
		term, cmd := startOnTerminal(t, "run", "--source", "model", "--all", "--duration", "300ms")
		if status := exitStatus(t, cmd.Wait()); status != 0 {
			t.Errorf("exit status %d", status)
		}
		term.over.Wait()
		if got := term.String(); !strings.HasPrefix(got, erase+"measuring the machine until ") || strings.Count(got, erase) != 2 {
			t.Errorf("got %q", got)
		}
	})
	t.Run("quiet", func(t *testing.T) {
		term, cmd := startOnTerminal(t, "run", "-q", "--source", "model", "--all", "--duration", "100ms")
		if status := exitStatus(t, cmd.Wait()); status != 0 {
			t.Errorf("exit status %d", status)
		}
		term.over.Wait()
		if got := term.String(); strings.Contains(got, erase) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("repeated", func(t *testing.T) {
		term, cmd := startOnTerminal(t, "run", "--source", "model", "--repeat", "2", "--baseline", "100ms", "-o", "/dev/null", "--", "sleep", "0.1")
		if status := exitStatus(t, cmd.Wait()); status != 0 {
			t.Errorf("exit status %d", status)
		}
		term.over.Wait()
		if got := term.String(); !strings.HasPrefix(got, erase+"watching the idle machine for 100ms, then 2 runs"+erase+"1 of 2  sleep 0.1"+erase+"2 of 2  sleep 0.1") || !strings.HasSuffix(got, erase) {
			t.Errorf("got %q", got)
		}
	})
}
