package gate

import (
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ask runs a shell script with a pipe to it, and returns what it wrote there.
func ask(t *testing.T, c Command, script string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c.Path, c.Argv, c.Env = "/bin/sh", []string{"sh", "-c", script}, []string{"PIPE=77", "PATH=/bin:/usr/bin"}
	c.Pipe, c.PipeVar = w.Fd(), "PIPE"
	if c.Stdout == 0 {
		c.Stdout, c.Stderr = os.Stdout.Fd(), os.Stderr.Fd()
	}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Open(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if e, err := p.Wait(); err != nil || e.Status.ExitStatus() != 0 {
		t.Errorf("status %v, error %v", e.Status, err)
	}
	b, err := io.ReadAll(r) // ends with the command: nobody else has the other end
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The pipe has one digit, the variable says which, and nothing of this process
// comes with it.
func TestPipe(t *testing.T) {
	got := ask(t, Command{}, `echo $PIPE >&$PIPE; ls -l /proc/self/fd | cat >&$PIPE`)
	fields := strings.Fields(got)
	if n, err := strconv.Atoi(fields[0]); err != nil || n < 3 || n > 9 {
		t.Fatalf("the pipe is descriptor %s", fields[0])
	}
	pipe := ""
	for _, line := range strings.Split(got, "\n") {
		before, to, ok := strings.Cut(line, " -> ")
		switch {
		case !ok:
		case strings.HasSuffix(before, " "+fields[0]):
			pipe = to
		case strings.Contains(to, "energyprobe-gate"):
			t.Errorf("the command has %s open", to)
		}
	}
	if pipe == "" || strings.Count(got, pipe) != 1 {
		t.Errorf("the command has %d ends of the pipe, want one:\n%s", strings.Count(got, pipe), got)
	}
}

// What the caller's shell opened stays where it is, at low numbers and high
// ones, and so do the command's own streams.
func TestPipeBesideInheritedDescriptors(t *testing.T) {
	out, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var taken []int
	for _, n := range []int{3, 5, 63, 64, 100} {
		if inherited(n) {
			continue
		}
		fd, err := unix.FcntlInt(outW.Fd(), unix.F_DUPFD, n)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		taken = append(taken, fd)
	}
	script := `echo pipe >&$PIPE; echo standard; echo error >&2`
	for _, fd := range taken {
		script += "; echo " + strconv.Itoa(fd) + " >/proc/$$/fd/" + strconv.Itoa(fd)
	}
	if got := ask(t, Command{Stdout: outW.Fd(), Stderr: outW.Fd()}, script); got != "pipe\n" {
		t.Errorf("the pipe got %q", got)
	}
	outW.Close()
	for _, fd := range taken {
		unix.Close(fd)
	}
	b, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	want := "standard\nerror\n"
	for _, fd := range taken {
		want += strconv.Itoa(fd) + "\n"
	}
	if string(b) != want {
		t.Errorf("the other descriptors got %q, want %q", b, want)
	}
}

// Where all digits are taken the pipe has more than one.
func TestPipeBeyondTheDigits(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for range 24 {
		fd, err := unix.FcntlInt(null.Fd(), unix.F_DUPFD, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if fd > 24 {
			break
		}
	}
	got := ask(t, Command{}, `echo $PIPE >/proc/$$/fd/$PIPE`)
	if n, err := strconv.Atoi(strings.TrimSpace(got)); err != nil || n < 3 {
		t.Errorf("the pipe is descriptor %q", got)
	}
}
