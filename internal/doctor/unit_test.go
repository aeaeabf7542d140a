package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// A check that panics or hangs costs its own line and nothing else.
func TestIsolate(t *testing.T) {
	release := make(chan struct{})
	for name, run := range map[string]func(examination) finding{
		"panics": func(examination) finding { panic("oh") },
		"nil":    func(e examination) finding { return one(check("", "", "", "%d", e.state.UID.Effective)) },
		"hangs":  func(examination) finding { <-release; return finding{} },
	} {
		f := isolate(groupHost, name, 20*time.Millisecond, run, examination{})
		if len(f.checks) != 1 || f.checks[0].State != report.Broken || f.checks[0].Name != name || f.learnt != nil {
			t.Errorf("%s: %+v", name, f.checks)
		}
	}
	close(release)
}

// badKernel fails in every way that system calls can, and worse.
type badKernel struct{ capturedKernel }

func (badKernel) counters() ([]energy.Metric, []*energy.Refusal) { panic("counters") }
func (badKernel) gate() error                                    { panic("gate") }
func (badKernel) subreaper() error                               { return errors.New("no") }

func TestBadKernel(t *testing.T) {
	root := host(t, "intel-1s", aUser)
	d := examine(Options{Root: root, Exe: testExe}, badKernel{capturedKernel{root: root, bpfErr: unix.ENOSYS}})
	want := map[string]report.CheckState{"hardware counters": report.Broken, "gate": report.Broken, "subreaper": report.Broken, "BPF": report.Absent}
	for _, c := range d.Checks {
		if s, ok := want[c.Name]; ok && c.State == s {
			delete(want, c.Name)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v in\n%s", want, lines(d))
	}
	if d.Host.CPU.Threads == 0 || len(d.Checks) < 20 {
		t.Errorf("the others suffered:\n%s", lines(d))
	}
}

func TestStolen(t *testing.T) {
	for line, want := range map[string]float64{
		"cpu  100 0 100 700 50 0 0 50 30 0": 0.05,
		"cpu 1 0 0 0 0 0 0 0":               0,
		"cpu 0 0 0 0 0 0 0 0 0 0":           -1,
		"cpu 1 2 3":                         -1,
		"cpu0 1 0 0 0 0 0 0 1":              -1,
		"cpu 1 0 0 0 0 0 0 x":               -1,
		"":                                  -1,
	} {
		got, ok := stolen(line)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %v, %v", line, got, ok)
		}
	}
}

func FuzzStolen(f *testing.F) {
	f.Add("cpu  100 0 100 700 50 0 0 50 30 0")
	f.Add("cpu 18446744073709551615 1 1 1 1 1 1 18446744073709551615")
	f.Fuzz(func(t *testing.T, line string) {
		if part, ok := stolen(line); ok && !(part >= 0 && part <= 1) {
			t.Errorf("%q: %v", line, part)
		}
	})
}

// ranges is the inverse of topology's parser.
func TestRanges(t *testing.T) {
	if err := quick.Check(func(raw []uint8) bool {
		var cpus []int
		for _, v := range raw {
			cpus = append(cpus, int(v))
		}
		slices.Sort(cpus)
		cpus = slices.Compact(cpus)
		back, err := topology.ParseCPUList(ranges(cpus))
		return len(cpus) == 0 || err == nil && slices.Equal(back, cpus)
	}, nil); err != nil {
		t.Error(err)
	}
}

func TestTreat(t *testing.T) {
	c := treat(report.Check{}, "", "a", "a", "", "b", "a")
	if c.Remedy != "a" || !slices.Equal(c.Alternatives, []string{"b"}) {
		t.Errorf("%+v", c)
	}
}

func TestModprobe(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		line  string
		why   string
	}{
		"loadable":      {map[string]string{"modules.dep": "kernel/a/msr.ko.xz: kernel/b.ko\n"}, "sudo modprobe msr", ""},
		"built in":      {map[string]string{"modules.dep": "", "modules.builtin": "kernel/a/msr.ko\n"}, "", "built into"},
		"none":          {map[string]string{"modules.dep": "kernel/a/other.ko:\n"}, "", "without CONFIG_X86_MSR"},
		"nothing tells": {nil, "sudo modprobe msr", ""},
	} {
		root := t.TempDir()
		for f, text := range c.files {
			testutil.Write(t, root, "lib/modules/6.1.0/"+f, text)
		}
		e := newExamination(Options{Root: root}, nil)
		e.state = &priv.State{Kernel: priv.Kernel{Release: "6.1.0"}, InitialUserNS: true}
		line, why := e.modprobe("msr", "CONFIG_X86_MSR")
		if line != c.line || (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: %q, %q", name, line, why)
		}
		testutil.Write(t, root, "sys/module/msr/refcnt", "0\n")
		if line, why := e.modprobe("msr", "CONFIG_X86_MSR"); line != "" || !strings.Contains(why, "is loaded") {
			t.Errorf("%s, loaded: %q, %q", name, line, why)
		}
	}
}

// Whatever the switch says, there is a remedy exactly where the right or a
// lower switch would change something.
func TestParanoia(t *testing.T) {
	for v := -1; v <= 4; v++ {
		for _, has := range []bool{true, false} {
			e := newExamination(Options{}, nil)
			e.exe.path = testExe
			e.state = &priv.State{Kernel: priv.Kernel{Major: 6, Minor: 1}, InitialUserNS: true, PerfEventParanoid: &v}
			e.state.UID.Effective, e.state.Bounding = uidUser, allCaps
			if has {
				e.state.Effective = priv.Of(priv.Perfmon)
			}
			c := e.perfRights().checks[0]
			if want := has || v <= 0; (c.State == report.Working) != want {
				t.Errorf("paranoid %d, CAP_PERFMON %v: %s", v, has, c.State)
			}
			if lowers := slices.Contains(e.perfRemedies(), "sudo sysctl kernel.perf_event_paranoid=0"); lowers != (v > 0) {
				t.Errorf("paranoid %d: %v", v, e.perfRemedies())
			}
		}
	}
}

// The least comes first: a right for one program before one for everyone, and
// root last.
func TestOrderOfRemedies(t *testing.T) {
	two := 2
	e := newExamination(Options{}, nil)
	e.exe.path = testExe
	e.state = &priv.State{Kernel: priv.Kernel{Major: 6, Minor: 1}, InitialUserNS: true, PerfEventParanoid: &two}
	e.state.UID.Effective, e.state.GID.Effective, e.state.Bounding = uidUser, uidUser, allCaps
	byMode, caps := e.msrRemedies(true)
	for _, c := range []struct{ got, want []string }{
		{e.perfRemedies(), []string{
			"sudo setcap cap_perfmon+ep /opt/energyprobe", "sudo sysctl kernel.perf_event_paranoid=0",
			"sudo /opt/energyprobe run --user $USER -- COMMAND"}},
		{e.powercapRemedies(), []string{
			"sudo find /sys/devices/virtual/powercap -name energy_uj -exec chgrp 1000 {} + -exec chmod g+r {} +",
			"sudo setcap cap_dac_read_search+ep /opt/energyprobe", "sudo /opt/energyprobe run --user $USER -- COMMAND"}},
		{byMode, []string{
			"sudo setcap cap_sys_rawio+ep /opt/energyprobe && sudo chgrp 1000 /dev/cpu/*/msr && sudo chmod g+r /dev/cpu/*/msr",
			"sudo setcap cap_dac_read_search,cap_sys_rawio+ep /opt/energyprobe", "sudo /opt/energyprobe run --user $USER -- COMMAND"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if !slices.Equal(caps, []priv.Cap{priv.SysRawIO, priv.DACReadSearch}) {
		t.Errorf("capabilities %v", caps)
	}
	e.container.Runtime = "docker"
	for _, r := range slices.Concat(e.perfRemedies(), e.powercapRemedies()) {
		if strings.Contains(r, "sudo") && !strings.HasPrefix(r, "on the host: ") && !strings.HasPrefix(r, "sudo setcap") {
			t.Errorf("in a container: %q", r)
		}
	}
}

// A file on a file system that can't give rights is installed elsewhere first.
func TestExecutableElsewhere(t *testing.T) {
	e := newExamination(Options{Exe: "/proc/version"}, nil) // proc is mounted nosuid
	e.state = &priv.State{Kernel: priv.Kernel{Major: 6, Minor: 1}, InitialUserNS: true}
	e.state.UID.Effective, e.state.Bounding = uidUser, allCaps
	f := e.executable()
	var fs unix.Statfs_t
	if err := unix.Statfs("/proc", &fs); err != nil {
		t.Fatal(err)
	}
	if len(f.checks) != 1 || f.checks[0].Remedy != "sudo install -m 755 /proc/version "+installed {
		t.Fatalf("%+v", f.checks)
	}
	f.learnt(&e)
	want := "sudo install -m 755 /proc/version " + installed + " && sudo setcap cap_perfmon+ep " + installed
	if got := e.allow(priv.Perfmon); got != want {
		t.Errorf("%q", got)
	}
	if got := e.asRoot(); !strings.Contains(got, "/proc/version run") {
		t.Errorf("%q", got)
	}
}

// TestLiveKernel tries the system calls on this very machine.
func TestLiveKernel(t *testing.T) {
	k := liveKernel{}
	before, err := subreaping()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.subreaper(); err != nil {
		t.Error(err)
	}
	if after, _ := subreaping(); after != before {
		t.Errorf("subreaper is %v afterwards, was %v", after, before)
	}
	if err := k.gate(); err != nil {
		t.Error(err)
	}
	var status unix.WaitStatus
	if pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
	metrics, _ := k.counters()
	if !slices.ContainsFunc(metrics, func(m energy.Metric) bool { return m.Name == "cpu.task_clock" }) {
		t.Errorf("no task clock in %v", metrics)
	}
}

// TestGateForbidden names the sysctl that forbids executing files in memory.
func TestGateForbidden(t *testing.T) {
	root := host(t, "intel-1s", theRoot)
	testutil.Write(t, root, "proc/sys/vm/memfd_noexec", "2\n")
	e := newExamination(Options{Root: root}, capturedKernel{gateErr: &os.PathError{Op: "fork/exec", Path: "/proc/self/fd/7", Err: unix.EACCES}})
	e.state = &priv.State{InitialUserNS: true}
	c := e.gate().checks[0]
	if c.State != report.Forbidden || c.Remedy != "sudo sysctl vm.memfd_noexec=0" || !strings.Contains(c.Detail, "memfd_noexec is 2") {
		t.Errorf("%+v", c)
	}
}

// TestStillCounters judges counters that do not move by what they count.
func TestStillCounters(t *testing.T) {
	for domain, want := range map[energy.Domain]report.CheckState{
		energy.Package: report.Broken, energy.DRAM: report.Broken,
		energy.Uncore: report.Note, energy.Core: report.Note, energy.PSys: report.Note,
	} {
		z := energy.Zone{Domain: domain, Die: -1, Core: -1, Origin: "x", Tick: 1e-6}
		if c := zoneCheck("powercap", z, sight{reads: 9, raw: 77}); c.State != want || !strings.Contains(c.Detail, "still at 77") {
			t.Errorf("%v: %+v", domain, c)
		}
		if c := zoneCheck("powercap", z, sight{reads: 9, err: unix.EIO}); c.State != report.Broken {
			t.Errorf("%v failing: %+v", domain, c)
		}
		if c := zoneCheck("powercap", z, sight{err: unix.EIO}); c.State != report.Broken {
			t.Errorf("%v never read: %+v", domain, c)
		}
	}
}

// TestPowercapFilesModes looks at the modes, and at a container that was given
// the links without what they point to.
func TestPowercapFilesModes(t *testing.T) {
	root := host(t, "intel-1s", aUser)
	e := newExamination(Options{Root: root}, nil)
	files := e.energyFiles()
	if len(files) < 2 {
		t.Fatalf("%v", files)
	}
	for _, f := range files {
		if err := os.Chmod(f, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if c := e.powercapFiles().checks[0]; c.State != report.Working || !strings.Contains(c.Detail, "mode 0444") {
		t.Errorf("%+v", c)
	}
	if err := os.RemoveAll(filepath.Join(root, "sys/devices/virtual/powercap")); err != nil {
		t.Fatal(err)
	}
	if c := e.powercapFiles().checks[0]; c.State != report.Forbidden || c.Remedy == "" {
		t.Errorf("dangling links: %+v", c)
	}
}
