package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// The tests of this file run inside a guest; TestLab starts them there. They hold the simulation to its
// documentation on every kernel and machine.

// spinVar makes the test binary burn CPU for a while instead of testing, so that a copy of it under any
// name can play any process.
const spinVar = "LAB_TEST_SPIN"

func TestMain(m *testing.M) {
	if d, err := time.ParseDuration(os.Getenv(spinVar)); err == nil {
		for end := time.Now().Add(d); time.Now().Before(end); {
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func guest(t *testing.T, machines ...string) {
	t.Helper()
	if !InGuest() {
		t.Skip("only in the lab's guest (TestLab starts it)")
	}
	if len(machines) > 0 && !slices.Contains(machines, os.Getenv("LAB_MACHINE")) {
		t.Skipf("not for machine %s", os.Getenv("LAB_MACHINE"))
	}
}

func reload(t *testing.T, params ...string) {
	t.Helper()
	if err := Reload(params...); err != nil {
		t.Fatal(err)
	}
}

func control(t *testing.T, command string) {
	t.Helper()
	if err := Control(command); err != nil {
		t.Fatal(err)
	}
}

func truth(t *testing.T) *Truth {
	t.Helper()
	now, err := ReadTruth()
	if err != nil {
		t.Fatal(err)
	}
	if err := now.Check(); err != nil {
		t.Error(err)
	}
	if now.Lost != 0 {
		t.Errorf("%d processes lost", now.Lost)
	}
	return now
}

// spin runs a process called name that burns CPU for d, and returns its PID.
func spin(t *testing.T, name string, d time.Duration) int {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	as := filepath.Join(t.TempDir(), name)
	if err := os.Link(exe, as); err != nil {
		data, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(as, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(as)
	cmd.Env = append(os.Environ(), spinVar+"="+d.String(), "GOMAXPROCS=1")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func zones(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("/sys/class/powercap/intel-rapl:*/name")
	if err != nil {
		t.Fatal(err)
	}
	zones := map[string]string{}
	for _, n := range names {
		dir := filepath.Dir(n)
		name := sysfs(t, n)
		if strings.Count(filepath.Base(dir), ":") == 2 {
			up, err := filepath.EvalSymlinks(dir)
			if err != nil {
				t.Fatal(err)
			}
			name = sysfs(t, filepath.Join(filepath.Dir(up), "name")) + "/" + name
		}
		zones[name] = dir
	}
	return zones
}

// sysfs returns the trimmed text of a file, empty when there is none.
func sysfs(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func microjoules(t *testing.T, dir string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(sysfs(t, filepath.Join(dir, "energy_uj")), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func msr(cpu int, register int64) (uint64, error) {
	f, err := os.Open(fmt.Sprintf("/dev/cpu/%d/msr", cpu))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var b [8]byte
	if _, err := f.ReadAt(b[:], register); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: %g, want %g within %g", what, got, want, tolerance)
	}
}

// The table of README.md, machine by machine: zones that powercap shows under a package and on top,
// events of the power PMU.
func TestGuestMachine(t *testing.T) {
	guest(t)
	want := map[string]struct {
		under []string
		psys  bool
		perf  []string
	}{
		"skylake-server":  {[]string{"dram"}, false, []string{"energy-pkg", "energy-ram"}},
		"icelake-server":  {[]string{"dram"}, false, []string{"energy-pkg", "energy-ram"}},
		"skylake-client":  {[]string{"core", "dram", "uncore"}, true, []string{"energy-cores", "energy-gpu", "energy-pkg", "energy-psys", "energy-ram"}},
		"sapphire-rapids": {[]string{"dram"}, true, []string{"energy-pkg", "energy-psys", "energy-ram"}},
		"sandybridge":     {[]string{"core", "uncore"}, false, []string{"energy-cores", "energy-gpu", "energy-pkg"}},
		"epyc":            {[]string{"core"}, false, []string{"energy-pkg"}},
		"epyc-noperf":     {[]string{"core"}, false, nil},
		"kvm":             {nil, false, nil},
		"none":            {nil, false, nil},
	}[os.Getenv("LAB_MACHINE")]
	reload(t)
	now := truth(t)
	var names []string
	for z := range zones(t) {
		names = append(names, z)
	}
	slices.Sort(names)

	var top []string
	packages := map[int]int{}
	for _, d := range now.Dies {
		packages[d.Package]++
	}
	amd := strings.HasPrefix(os.Getenv("LAB_MACHINE"), "epyc")
	for _, d := range now.Dies {
		name := fmt.Sprintf("package-%d", d.Package)
		if packages[d.Package] > 1 && !amd {
			name += fmt.Sprintf("-die-%d", d.Die)
		}
		if !slices.Contains(top, name) {
			top = append(top, name)
		}
	}
	var wantZones []string
	if want.under != nil {
		for _, p := range top {
			wantZones = append(wantZones, p)
			for _, u := range want.under {
				wantZones = append(wantZones, p+"/"+u)
			}
		}
		if want.psys {
			wantZones = append(wantZones, "psys")
		}
	}
	slices.Sort(wantZones)
	if !slices.Equal(names, wantZones) {
		t.Errorf("powercap shows %q, want %q", names, wantZones)
	}

	var events []string
	files, _ := filepath.Glob("/sys/bus/event_source/devices/power/events/energy-*")
	for _, f := range files {
		if filepath.Ext(f) == "" {
			events = append(events, filepath.Base(f))
		}
	}
	slices.Sort(events)
	if !slices.Equal(events, want.perf) {
		t.Errorf("power PMU has %q, want %q", events, want.perf)
	}
}

func TestGuestConstantPower(t *testing.T) {
	guest(t, "skylake-server", "skylake-client", "epyc")
	reload(t, "idle_mw=50000", "busy_mw=0", "wake_mw=0", "dram_mw=8000", "dram_busy_mw=0", "psys_mw=1000", "pkg_pct=100,80", "update_us=0")
	a, zone := truth(t), zones(t)["package-0"]
	if zone == "" {
		zone = zones(t)["package-0-die-0"]
	}
	before := microjoules(t, zone)
	began := time.Now()
	spin(t, "load", 200*time.Millisecond)
	time.Sleep(300 * time.Millisecond)
	after := microjoules(t, zone)
	took := time.Since(began).Seconds()
	b := truth(t)

	seconds := (b.Now - a.Now).Seconds()
	var packages, dram float64
	for i, d := range b.Dies {
		pct := 1.0
		if d.Package > 0 {
			pct = 0.8
		}
		n := 0
		for _, e := range b.Dies {
			if e.Package == d.Package {
				n++
			}
		}
		e := d.Energy.Package.Joules() - a.Dies[i].Energy.Package.Joules()
		m := d.Energy.DRAM.Joules() - a.Dies[i].Energy.DRAM.Joules()
		within(t, fmt.Sprintf("package %d die %d, J", d.Package, d.Die), e, 50*pct/float64(n)*seconds, 1e-6)
		within(t, fmt.Sprintf("dram %d die %d, J", d.Package, d.Die), m, 8*pct/float64(n)*seconds, 1e-6)
		packages += e
		dram += m
	}
	within(t, "psys, J", b.PSys.Joules()-a.PSys.Joules(), packages+dram+seconds, 1e-5)
	watts := 50 / float64(dies(b))
	if strings.HasPrefix(os.Getenv("LAB_MACHINE"), "epyc") {
		watts = 50 // its registers are the package's
	}
	// What lies between reading the register and reading the clock is the machine's, not the model's.
	within(t, "powercap, J", float64(after-before)*1e-6, watts*took, watts*0.05)
}

func TestGuestProcess(t *testing.T) {
	guest(t)
	reload(t, "idle_mw=10000", "wake_mw=0", "busy_mw=20000", "hot=hot:250", "dram_busy_mw=2000", "dram_hot=hot:300", "ipc=hot:50,*:120")
	hot, cool := spin(t, "hotspot", 300*time.Millisecond), spin(t, "a b=c", 300*time.Millisecond)
	now := truth(t)
	for _, want := range []struct {
		pid       int
		comm      string
		watts     float64
		dramWatts float64
		ipc       float64
	}{
		{hot, "hotspot", 50, 6, 0.5},
		{cool, "a b=c", 20, 2, 1.2},
	} {
		p := now.Process(want.pid)
		if p == nil {
			t.Fatalf("no process %d", want.pid)
		}
		if p.Comm != want.comm || p.Live || p.KThread || p.PPID != os.Getpid() {
			t.Errorf("%+v", p)
		}
		if !(0 < p.Forked && p.Forked < p.Execed && p.Execed < p.Exited && p.Exited < now.Now) {
			t.Errorf("%s: forked %d, exec %d, exit %d", p.Comm, p.Forked, p.Execed, p.Exited)
		}
		// After the last exec its name, and with it its power, is constant.
		cpu := p.AtExit.CPU - p.AtExec.CPU
		if cpu < 100*time.Millisecond {
			t.Errorf("%s: ran %v only", p.Comm, cpu)
		}
		within(t, p.Comm+" J", (p.AtExit.Dynamic - p.AtExec.Dynamic).Joules(), want.watts*cpu.Seconds(), 1e-6)
		within(t, p.Comm+" dram J", (p.AtExit.DRAM - p.AtExec.DRAM).Joules(), want.dramWatts*cpu.Seconds(), 1e-6)
		within(t, p.Comm+" cycles", float64(p.Cycles), p.CPU.Seconds()*1e9, 2)
		dies, ok := p.Lifetime()
		if !ok || len(dies) != len(now.Dies) {
			t.Fatalf("%s: lifetime %v %v", p.Comm, dies, ok)
		}
		var sum float64
		for _, d := range dies {
			sum += d.Energy.Package.Joules()
		}
		idle := 10 * float64(packagesOf(now)) * (p.Exited - p.Execed).Seconds()
		if least := idle + (p.AtExit.Dynamic - p.AtExec.Dynamic).Joules(); sum < least-1e-5 {
			t.Errorf("%s: machine spent %g J meanwhile, less than idle and process, %g J", p.Comm, sum, least)
		}
	}
	if tree := now.Tree(now.Process(os.Getpid())); len(tree) < 3 {
		t.Errorf("tree of this process: %d", len(tree))
	}
}

func packagesOf(t *Truth) int {
	seen := map[int]bool{}
	for _, d := range t.Dies {
		seen[d.Package] = true
	}
	return len(seen)
}

func TestGuestFrequency(t *testing.T) {
	guest(t, "skylake-server")
	reload(t, "busy_mw=10000", "cubic_mw=1000", "freq_mhz=2000")
	fast := spin(t, "fast", 200*time.Millisecond)
	control(t, "freq all 500")
	slow := spin(t, "slow", 200*time.Millisecond)
	now := truth(t)
	for _, want := range []struct {
		pid      int
		ghz, per float64
	}{{fast, 2, 10*2 + 1*8}, {slow, 0.5, 10*0.5 + 0.125}} {
		p := now.Process(want.pid)
		cpu := p.CPU.Seconds()
		within(t, p.Comm+" cycles", float64(p.Cycles), want.ghz*1e9*cpu, 2)
		within(t, p.Comm+" J", p.Dynamic.Joules(), want.per*cpu, 1e-5)
	}
	control(t, "freq 1 3000; freq=0:1500")
	if now = truth(t); now.CPUs[0].MHz != 1500 || now.CPUs[1].MHz != 3000 {
		t.Errorf("frequencies %d %d", now.CPUs[0].MHz, now.CPUs[1].MHz)
	}
}

func TestGuestSMT(t *testing.T) {
	guest(t)
	siblings := strings.ContainsAny(sysfs(t, "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list"), ",-")
	if !siblings {
		t.Skip("no SMT in this guest")
	}
	reload(t, "busy_mw=10000", "smt_pct=60", "hot=pair:100")
	exe, _ := os.Executable()
	as := filepath.Join(t.TempDir(), "pair")
	if err := os.Symlink(exe, as); err != nil {
		t.Fatal(err)
	}
	var pids []int
	var wait []*exec.Cmd
	list := sysfs(t, "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
	for _, cpu := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '-' }) {
		cmd := exec.Command("taskset", "-c", cpu, as)
		cmd.Env = append(os.Environ(), spinVar+"=1s", "GOMAXPROCS=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, cmd.Process.Pid)
		wait = append(wait, cmd)
	}
	for _, cmd := range wait {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	now := truth(t)
	for _, pid := range pids {
		p := now.Process(pid)
		// Nearly all of the time both run: 6 W, not 10 W.
		within(t, "W of a busy sibling", (p.AtExit.Dynamic-p.AtExec.Dynamic).Joules()/(p.AtExit.CPU-p.AtExec.CPU).Seconds(), 6, 1.5)
	}
}

func TestGuestWraps(t *testing.T) {
	guest(t, "skylake-server", "epyc")
	reload(t, "esu=20", "idle_mw=40960000", "busy_mw=0", "wake_mw=0", "dram_mw=40960000", "dram_esu=20", "wrap_after_mj=4096000", "update_us=1000")
	zone := zones(t)
	dir := zone["package-0"]
	if dir == "" {
		dir = zone["package-0-die-0"]
	}
	span, err := strconv.ParseUint(sysfs(t, filepath.Join(dir, "max_energy_range_uj")), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	modulus := span + span/(1<<32-1) // microjoules per revolution: 2^32 / 2^20 J, and the driver's truncated unit
	a := truth(t)
	first := microjoules(t, dir)
	last, wraps, sum := first, 0, uint64(0)
	for end := time.Now().Add(2300 * time.Millisecond * time.Duration(dies(a))); time.Now().Before(end); {
		n := microjoules(t, dir)
		if n < last {
			wraps++
			sum += modulus
		}
		sum += n - last
		last = n
	}
	b := truth(t)
	if wraps < 20 || b.Dies[0].Wraps.Package < 20 {
		t.Errorf("saw %d wraps, truth tells of %d", wraps, b.Dies[0].Wraps.Package)
	}
	got, want := float64(sum)*1e-6, (b.Dies[0].Energy.Package - a.Dies[0].Energy.Package).Joules()
	if os.Getenv("LAB_MACHINE") == "epyc" {
		want *= float64(dies(a)) // its counters are of the package
	}
	// The driver's unit is truncated to whole nanojoules (953 of 953.67), energy before and after the
	// loop belongs to the truth alone.
	within(t, "J over wraps", got*(953.67431640625/953), want, want*0.05)
}

// dies returns how many dies share the power of a package.
func dies(t *Truth) int {
	n := 0
	for _, d := range t.Dies {
		if d.Package == t.Dies[0].Package {
			n++
		}
	}
	return n
}

func TestGuestRefresh(t *testing.T) {
	guest(t, "skylake-server")
	for _, jitter := range []string{"0", "270"} {
		reload(t, "update_us=1000", "jitter_us="+jitter, "idle_mw=100000")
		a := truth(t)
		// Reads far more often than refreshes: the register must stand still in between.
		steps, reads, last := 0, 0, uint64(0)
		for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); reads++ {
			v, err := msr(0, 0x611)
			if err != nil {
				t.Fatal(err)
			}
			if v != last {
				steps++
			}
			last = v
		}
		b := truth(t)
		n := float64(b.Dies[0].Updates - a.Dies[0].Updates)
		within(t, "refreshes per second", n/(b.Now-a.Now).Seconds(), 1000, 30)
		if float64(steps) > n+1 {
			t.Errorf("register moved %d times in %g refreshes", steps, n)
		}
		t.Logf("jitter %s us: %d reads, %d steps, %g refreshes", jitter, reads, steps, n)
	}
}

func TestGuestFaults(t *testing.T) {
	guest(t, "skylake-client")
	reload(t)
	z := zones(t)
	read := func(zone string) error {
		_, err := os.ReadFile(filepath.Join(z[zone], "energy_uj"))
		return err
	}
	control(t, "fail=dram:0")
	// powercap passes on an error of its own, which depends on the kernel.
	if err := read("package-0/dram"); !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENODATA) && !errors.Is(err, syscall.EINVAL) {
		t.Errorf("failed register: %v", err)
	}
	if _, err := msr(0, 0x619); !errors.Is(err, syscall.EIO) {
		t.Errorf("failed register by msr: %v", err)
	}
	if err := read("package-0"); err != nil {
		t.Errorf("its neighbour: %v", err)
	}
	control(t, "ok=dram:0;zero=core")
	if err := read("package-0/dram"); err != nil {
		t.Errorf("after ok: %v", err)
	}
	if v, err := msr(0, 0x639); v != 0 || err != nil {
		t.Errorf("zeroed register: %d, %v", v, err)
	}
	control(t, "freeze=uncore")
	a, _ := msr(0, 0x641)
	time.Sleep(20 * time.Millisecond)
	if b, err := msr(0, 0x641); a != b || a == 0 || err != nil {
		t.Errorf("frozen register: %d, then %d, %v", a, b, err)
	}
	control(t, "jump=pkg:0:100")
	if v, err := msr(0, 0x611); v < 100 || v > 1<<20 || err != nil {
		t.Errorf("register after a jump to 100: %d, %v", v, err)
	}
	for _, bad := range []string{"fail=gpu", "zero=pkg:9", "idle_mw=", "nonsense", "jump=pkg:0", "freq 0", "hot=x", "fail=pkg:0:1", "freeze=unit"} {
		if err := Control(bad); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("control %q: %v", bad, err)
		}
	}
	reload(t, "dram=missing", "uncore=zero")
	z = zones(t)
	if z["package-0/dram"] != "" || z["package-0/uncore"] != "" || z["package-0/core"] == "" {
		t.Errorf("without dram and uncore: %v", z)
	}
	if _, err := msr(0, 0x618); !errors.Is(err, syscall.EIO) {
		t.Errorf("limit of a missing domain: %v", err)
	}
	reload(t, "filter=1")
	if v, err := msr(0, 0xBC); v != 1 || err != nil {
		t.Errorf("energy filtering: %d, %v", v, err)
	}
	reload(t, "filter=-1")
	if _, err := msr(0, 0xBC); !errors.Is(err, syscall.EIO) {
		t.Errorf("energy filtering of a CPU without it: %v", err)
	}
	if err := Reload("dram=sometimes"); err == nil {
		t.Error("a mode that does not exist was accepted")
	}
	reload(t)
}

func TestGuestRegisters(t *testing.T) {
	guest(t)
	reload(t, "start=4294967295", "esu=14", "update_us=0")
	machine := os.Getenv("LAB_MACHINE")
	fault := func(register int64) bool {
		_, err := msr(0, register)
		return errors.Is(err, syscall.EIO)
	}
	switch amd := strings.HasPrefix(machine, "epyc"); {
	case machine == "none":
		for _, r := range []int64{0x606, 0x611, 0xC0010299, 0xC001029B} {
			if !fault(r) {
				t.Errorf("register %#x answers", r)
			}
		}
	case machine == "kvm":
		for _, r := range []int64{0x606, 0x611, 0x619} {
			if v, err := msr(0, r); v != 0 || err != nil {
				t.Errorf("register %#x: %d, %v", r, v, err)
			}
		}
	default:
		unit, pkg, core, other := int64(0x606), int64(0x611), int64(0x639), int64(0xC0010299)
		if amd {
			unit, pkg, core, other = 0xC0010299, 0xC001029B, 0xC001029A, 0x606
		}
		if v, err := msr(0, unit); err != nil || v>>8&0x1f != 14 {
			t.Errorf("unit %#x, %v", v, err)
		}
		if v, err := msr(0, pkg); err != nil || v > 1<<30 {
			t.Errorf("package counter %#x, %v: it was to wrap at once", v, err)
		}
		if _, err := msr(0, core); err != nil {
			t.Errorf("core counter: %v", err)
		}
		if !fault(other) {
			t.Errorf("register %#x of another vendor answers", other)
		}
	}
}

// perf stat prints value,unit,event,running ns,percent,... with -x,
func stat(t *testing.T, events string, command ...string) map[string][]string {
	t.Helper()
	if _, err := exec.LookPath("perf"); err != nil {
		t.Fatal("no perf on this machine: testdata/lab/deps installs it")
	}
	out := filepath.Join(t.TempDir(), "stat")
	args := append([]string{"stat", "-x,", "-o", out, "-e", events, "--"}, command...)
	if b, err := exec.Command("perf", args...).CombinedOutput(); err != nil {
		t.Fatalf("perf %q: %v\n%s", args, err, b)
	}
	fields := map[string][]string{}
	for l := range strings.SplitSeq(sysfs(t, out), "\n") {
		if f := strings.Split(l, ","); len(f) > 4 {
			fields[f[2]] = f
		}
	}
	return fields
}

func value(t *testing.T, f []string) float64 {
	t.Helper()
	if len(f) == 0 {
		t.Fatal("perf stat shows no such event")
	}
	v, err := strconv.ParseFloat(f[0], 64)
	if err != nil {
		t.Fatalf("perf stat: %v in %q", err, f)
	}
	return v
}

func TestGuestCounters(t *testing.T) {
	guest(t, "skylake-server", "epyc")
	reload(t, "ipc=*:200", "refs=*:50", "misses=*:20", "branches=*:100", "branch_misses=*:10")
	got := stat(t, "{cycles,instructions,cache-references,cache-misses,branches,branch-misses}",
		"bash", "-c", "for i in 1 2 3 4 5 6 7 8; do (: ; true); /bin/true; done")
	now := truth(t)
	var cycles uint64
	var cpu float64
	for i := range now.Processes {
		if p := &now.Processes[i]; p.Comm == "perf" && p.Execed != 0 {
			for _, q := range now.Tree(p) {
				if q != p {
					cycles += q.Cycles
					cpu += q.CPU.Seconds()
				}
			}
		}
	}
	c := value(t, got["cycles"])
	// perf counts from the exec and the truth from the fork, hence the room.
	within(t, "cycles of the tree", c, float64(cycles), 0.25*float64(cycles))
	within(t, "instructions", value(t, got["instructions"]), 2*c, 0.01*c)
	within(t, "cache references", value(t, got["cache-references"]), 2*c*0.05, 0.01*c)
	within(t, "cache misses", value(t, got["cache-misses"]), 2*c*0.05*0.2, 0.001*c)
	within(t, "branches", value(t, got["branches"]), 2*c*0.1, 0.01*c)
	within(t, "branch misses", value(t, got["branch-misses"]), 2*c*0.1*0.01, 0.0001*c)
	t.Logf("%g cycles in perf, %d in truth, %g s", c, cycles, cpu)

	reload(t, "pmu_counters=1")
	exe, _ := os.Executable()
	os.Setenv(spinVar, "600ms")
	got = stat(t, "cycles,instructions", exe)
	os.Unsetenv(spinVar)
	for _, e := range []string{"cycles", "instructions"} {
		percent, err := strconv.ParseFloat(got[e][4], 64)
		if err != nil || percent > 95 || percent < 5 {
			t.Errorf("%s ran %q %% of the time, want multiplexing", e, got[e])
		}
	}
	// struct perf_event_attr: type, size, config (cycles), sample_period
	attr := make([]byte, 112)
	binary.LittleEndian.PutUint32(attr[4:], uint32(len(attr)))
	binary.LittleEndian.PutUint64(attr[16:], 100000)
	_, _, errno := syscall.Syscall6(syscall.SYS_PERF_EVENT_OPEN, uintptr(unsafe.Pointer(&attr[0])), 0, ^uintptr(0), ^uintptr(0), 0, 0)
	if errno != syscall.EOPNOTSUPP {
		t.Errorf("sampling: %v, want %v", errno, syscall.EOPNOTSUPP)
	}
}

func TestGuestPowerEvents(t *testing.T) {
	guest(t, "skylake-server", "skylake-client", "epyc")
	reload(t, "idle_mw=100000", "busy_mw=0", "wake_mw=0")
	event := "power/energy-pkg/"
	a := truth(t)
	out := filepath.Join(t.TempDir(), "stat")
	if b, err := exec.Command("perf", "stat", "-a", "-x,", "-o", out, "-e", event, "sleep", "0.5").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	b := truth(t)
	for l := range strings.SplitSeq(sysfs(t, out), "\n") {
		if f := strings.Split(l, ","); len(f) > 4 && strings.HasPrefix(f[2], event) {
			total, most := value(t, f), 100*float64(packagesOf(b))*(b.Now-a.Now).Seconds()
			if total < 0.5*100*float64(packagesOf(b)) || total > most {
				t.Errorf("perf counted %g J, want at least %g and at most %g", total, 50*float64(packagesOf(b)), most)
			}
			return
		}
	}
	t.Error("perf stat shows no energy")
}

func TestGuestManyProcesses(t *testing.T) {
	guest(t, "skylake-server")
	reload(t)
	// Few PIDs make them return soon.
	limit := sysfs(t, "/proc/sys/kernel/pid_max")
	if err := os.WriteFile("/proc/sys/kernel/pid_max", []byte("900"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.WriteFile("/proc/sys/kernel/pid_max", []byte(limit), 0)
	const n = 1500
	if b, err := exec.Command("bash", "-c", fmt.Sprintf("for ((i = 0; i < %d; i++)); do (exec 2>&-; :) ; done", n)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	now := truth(t)
	seen, shells := map[int]int{}, 0
	for _, p := range now.Processes {
		seen[p.PID]++
		if p.Comm == "bash" && !p.Live {
			shells++
			if p.CPU == 0 || p.AtExit == nil || p.Exited < p.Forked {
				t.Fatalf("%+v", p)
			}
		}
	}
	if shells < n {
		t.Errorf("%d of %d shells on record", shells, n)
	}
	returned := 0
	for _, times := range seen {
		if times > 1 {
			returned++
		}
	}
	if returned < n/4 {
		t.Errorf("only %d PIDs returned", returned)
	}
	control(t, "reset")
	after := truth(t)
	if len(after.Processes) > len(now.Processes)-n || after.Reset <= now.Now {
		t.Errorf("reset left %d of %d processes", len(after.Processes), len(now.Processes))
	}
	if e := after.Total().Package; e >= now.Total().Package {
		t.Errorf("reset left %d nJ", e)
	}
}

// A kernel that complained at any time makes every other result worthless.
func TestGuestZLog(t *testing.T) {
	guest(t)
	out, err := exec.Command("dmesg").Output()
	if err != nil {
		t.Fatalf("read the kernel's log, without which nothing else here is believed: %v", err)
	}
	for l := range strings.SplitSeq(string(out), "\n") {
		for _, bad := range []string{"WARNING:", "BUG:", "Oops", "unchecked MSR", "Call Trace", "rcu: INFO"} {
			if strings.Contains(l, bad) {
				t.Error(l)
			}
		}
	}
}
