package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Exit statuses of the lab script that are not the command's own.
const (
	statusTimeout = 124
	statusFailed  = 125
)

var (
	// ErrTimeout says that the guest was ended before the command was done.
	ErrTimeout = errors.New("the guest took too long")
	// ErrFailed says that the lab, not the command, failed; standard error tells why.
	ErrFailed = errors.New("the lab failed")
)

// Kernels lists the series of kernels that the lab boots.
var Kernels = []string{"6.1", "6.12"}

// Options describes one guest; zero values mean the lab's defaults (testdata/lab/lab --help).
type Options struct {
	Kernel                        string   // series: "6.1" or "6.12"
	Machine                       string   // "skylake-server", "epyc", ...
	Sockets, Dies, Cores, Threads int      // dies per socket, cores per die, threads per core
	Sim                           []string // parameters of the simulation, KEY=VALUE
	NoPMU                         bool     // no core PMU
	Without                       []string // modules not to load
	MemoryMB                      int
	Timeout                       time.Duration // of the guest, in whole seconds; waiting for a free slot is not counted
	Out                           string        // folder of the host that the guest finds, writable, at $LAB_OUT
	Env                           []string      // NAME=VALUE for the command
	Command                       []string
	Stdout, Stderr                io.Writer // also receive the output as it comes; may be nil
}

// Result is what the command left behind.
type Result struct {
	Status         int // exit status
	Stdout, Stderr []byte
}

// Run boots a guest and runs the command in it. A command that fails is no error: see Result.Status.
func Run(ctx context.Context, o Options) (Result, error) {
	script, err := script()
	if err != nil {
		return Result{}, err
	}
	cmd := exec.CommandContext(ctx, script, o.arguments()...)
	// The script ends its guest when asked to; killing it would leave the guest behind.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = tee(&stdout, o.Stdout), tee(&stderr, o.Stderr)
	err = cmd.Run()
	r := Result{Status: cmd.ProcessState.ExitCode(), Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return r, fmt.Errorf("run lab: %w", ctx.Err())
	case err != nil && !errors.As(err, &exit):
		return r, fmt.Errorf("run lab: %w", err)
	case r.Status == statusTimeout && saysLab(r.Stderr):
		return r, fmt.Errorf("run lab: %w: %s", ErrTimeout, tail(r.Stderr))
	case r.Status == statusFailed && saysLab(r.Stderr), r.Status < 0:
		return r, fmt.Errorf("run lab: %w: %s", ErrFailed, tail(r.Stderr))
	}
	return r, nil
}

func (o Options) arguments() []string {
	var args []string
	text := func(flag, v string) {
		if v != "" {
			args = append(args, flag, v)
		}
	}
	number := func(flag string, v int) {
		if v != 0 {
			args = append(args, flag, strconv.Itoa(v))
		}
	}
	text("--kernel", o.Kernel)
	text("--machine", o.Machine)
	number("--sockets", o.Sockets)
	number("--dies", o.Dies)
	number("--cores", o.Cores)
	number("--threads", o.Threads)
	text("--sim", strings.Join(o.Sim, " "))
	if o.NoPMU {
		args = append(args, "--no-pmu")
	}
	for _, m := range o.Without {
		args = append(args, "--without", m)
	}
	number("--memory", o.MemoryMB)
	number("--timeout", int((o.Timeout+time.Second-1)/time.Second))
	text("--out", o.Out)
	for _, e := range o.Env {
		args = append(args, "--env", e)
	}
	return append(append(args, "--"), o.Command...)
}

func tee(b *bytes.Buffer, w io.Writer) io.Writer {
	if w == nil {
		return b
	}
	return io.MultiWriter(b, w)
}

// saysLab tells the lab's own refusal from a command that happens to use the same status.
func saysLab(stderr []byte) bool {
	return bytes.HasPrefix(stderr, []byte("lab: ")) || bytes.Contains(stderr, []byte("\nlab: "))
}

func tail(b []byte) []byte {
	return bytes.TrimSpace(b[max(0, len(b)-2000):])
}

// script returns the path of testdata/lab/lab of the module that holds the working directory.
func script() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find lab: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return filepath.Join(d, "testdata", "lab", "lab"), nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("find lab: no go.mod above %s", dir)
		}
	}
}

// Requirements returns nil when a guest can be started here for these series of kernels (all when none
// are given), or an error that names all that is missing and the command to install it.
func Requirements(kernels ...string) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("the lab runs on linux/amd64, this is %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	script, err := script()
	if err != nil {
		return err
	}
	if len(kernels) == 0 {
		kernels = Kernels
	}
	var missing []error
	for _, k := range kernels {
		if out, err := exec.Command(script, "--check", "--kernel", k).CombinedOutput(); err != nil {
			missing = append(missing, fmt.Errorf("kernel %s: %s", k, bytes.TrimSpace(out)))
		}
	}
	return errors.Join(missing...)
}

// Require lets a test that starts guests go on only where guests are wanted: it skips the test unless
// CI_LAB is set, and with CI_LAB fails it where something is missing.
func Require(tb testing.TB, kernels ...string) {
	tb.Helper()
	if os.Getenv("CI_LAB") == "" {
		tb.Skip("starts virtual machines: set CI_LAB=1")
	}
	if err := Requirements(kernels...); err != nil {
		tb.Fatal(err)
	}
}

// BuildTest compiles the tests of the package in dir for use in a guest (static, no race detector: TCG
// makes that one unbearably slow) and returns the path of the binary.
func BuildTest(tb testing.TB, dir string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "guest.test")
	cmd := exec.Command("go", "test", "-c", "-o", path, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build tests of %s: %v\n%s", dir, err, out)
	}
	return path
}

// InGuest tells whether this process runs inside the lab.
func InGuest() bool { return os.Getenv("LAB") == "1" }

// Reload unloads the simulation and the stock drivers and loads them again with the machine's own
// parameters and these (KEY=VALUE; "--without", MODULE before them). Only in the guest.
func Reload(params ...string) error {
	if out, err := exec.Command("lab-reload", params...).CombinedOutput(); err != nil {
		return fmt.Errorf("reload lab: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// Control changes the running simulation: "idle_mw=5000", "fail=dram:1", "reset", ...
// (testdata/lab/README.md lists all). Several commands may be separated by ";". Only in the guest.
func Control(command string) error {
	if err := os.WriteFile(truthPath, []byte(command+"\n"), 0); err != nil {
		return fmt.Errorf("control lab (%s): %w", command, err)
	}
	return nil
}
