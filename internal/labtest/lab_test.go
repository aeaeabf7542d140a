package labtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

// Variables by which the test binary speaks to itself.
const (
	probeVar = "LABTEST_PROBE" // path of the energyprobe binary in the guest
	loadVar  = "LABTEST_LOAD"  // makes the binary a load instead of a test
)

func TestMain(m *testing.M) {
	if l := os.Getenv(loadVar); l != "" {
		become()
		load(l)
		return
	}
	os.Exit(m.Run())
}

// load burns CPU time: "2s" in one process, "50ms*5" in five children one
// after the other, "2s/20ms" on and off for 20 ms each, "2s/30%" on for 30 % of
// every 30 ms, "phases:6*120ms/80ms" as phasesLoad says, "cpu:2s/4" until the
// process has had a fourth of 2 s of CPU time.
func load(spec string) {
	if part, ok := strings.CutPrefix(spec, "cpu:"); ok {
		whole, parts, _ := strings.Cut(part, "/")
		d, err := time.ParseDuration(whole)
		n, err2 := strconv.Atoi(parts)
		if err != nil || err2 != nil || n < 1 {
			os.Exit(2)
		}
		for ownCPU() < d/time.Duration(n) {
			spin(time.Now().Add(time.Millisecond))
		}
		return
	}
	if phases, ok := strings.CutPrefix(spec, "phases:"); ok {
		if err := phasesLoad(phases); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	length, children, _ := strings.Cut(spec, "*")
	if n, err := strconv.Atoi(children); err == nil {
		for range n {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), loadVar+"="+length)
			if err := c.Run(); err != nil {
				os.Exit(1)
			}
		}
		return
	}
	length, period, bursty := strings.Cut(length, "/")
	d, err := time.ParseDuration(length)
	if err != nil {
		os.Exit(2)
	}
	on, _ := time.ParseDuration(period)
	off := on
	if share, isShare := strings.CutSuffix(period, "%"); isShare {
		n, _ := strconv.Atoi(share)
		on = time.Duration(n) * 300 * time.Microsecond
		off = 30*time.Millisecond - on
	}
	end := time.Now().Add(d)
	for time.Now().Before(end) {
		if bursty {
			spin(time.Now().Add(on))
			time.Sleep(off)
		} else {
			spin(end)
		}
	}
}

// ownCPU is the CPU time of this process, what it took to start included.
func ownCPU() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts) != nil {
		os.Exit(2)
	}
	return time.Duration(ts.Nano())
}

func spin(until time.Time) {
	for time.Now().Before(until) {
	}
}

// TestLab boots each machine and runs the guest's tests there.
func TestLab(t *testing.T) {
	boot(t, "^TestGuest([^S]|Se)", []lab.Options{
		{Kernel: "6.1", Machine: "skylake-server", Sockets: 2, Cores: 1, Sim: []string{"jitter_us=100"}},
		{Kernel: "6.12", Machine: "skylake-server", Sockets: 2, Cores: 1, Sim: []string{"jitter_us=100"}},
		{Kernel: "6.12", Machine: "skylake-server", Sockets: 2, Dies: 2, Cores: 1},
		{Kernel: "6.1", Machine: "skylake-client"},
		{Kernel: "6.1", Machine: "epyc-noperf"},
		{Kernel: "6.12", Machine: "epyc", Sockets: 2, Cores: 1},
		{Kernel: "6.12", Machine: "kvm"},
	})
}

// TestLabSplit holds the split of joules to the truth.
func TestLabSplit(t *testing.T) {
	boot(t, "^TestGuestSplit", []lab.Options{
		{Kernel: "6.12", Machine: "skylake-server", Sockets: 2, Cores: 2},
		{Kernel: "6.1", Machine: "skylake-server", Sockets: 2, Cores: 2},
		{Kernel: "6.1", Machine: "skylake-client", Cores: 4},
		{Kernel: "6.12", Machine: "skylake-client", Cores: 4},
		{Kernel: "6.12", Machine: "icelake-server", Cores: 2, Threads: 2},
		{Kernel: "6.1", Machine: "icelake-server", Cores: 2, Threads: 2},
	})
}

// boot runs the tests of these names on each machine.
func boot(t *testing.T, run string, machines []lab.Options) {
	t.Helper()
	if lab.InGuest() {
		t.Skip("this is the guest")
	}
	t.Parallel() // a test of one guest alone would leave a CPU without work
	lab.Require(t)
	probe := filepath.Join(t.TempDir(), "energyprobe")
	build := exec.Command("go", "build", "-o", probe, "../../cmd/energyprobe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build energyprobe: %v\n%s", err, out)
	}
	for i := range machines {
		machines[i].Env = []string{probeVar + "=" + probe, seedsVar}
		if machines[i].Timeout == 0 {
			machines[i].Timeout = timeout(seeds())
		}
	}
	lab.Guests(t, run, machines)
}

// timeout is how long a guest may take that tries each case n times.
func timeout(n int) time.Duration { return 6*time.Minute + time.Duration(n)*3*time.Minute }
