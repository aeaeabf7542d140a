package procusage

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// fake is a /proc made of files.
type fake struct {
	t     *testing.T
	root  string
	cpus  []fakeCPU
	procs map[int]*fakeProcess
	now   energy.Instant
}

// fakeCPU is in ticks.
type fakeCPU struct{ user, system, idle, irq, softirq int }

// fakeProcess has times in ticks but ran, which is in ns.
type fakeProcess struct {
	pid, ppid, group, start int
	comm                    string
	flags, cpu              int
	self, kids              int
	ran                     int64
	tasks                   []fakeTask
}

type fakeTask struct {
	tid, cpu int
	ran      int64
}

func newFake(t *testing.T, cpus int) *fake {
	f := &fake{t: t, root: t.TempDir(), cpus: make([]fakeCPU, cpus), procs: map[int]*fakeProcess{}, now: energy.Now()}
	f.add(&fakeProcess{pid: 1, comm: "init"})
	f.add(&fakeProcess{pid: 2, comm: "kthreadd", flags: 0x208040})
	return f
}

func (f *fake) add(p *fakeProcess) *fakeProcess {
	if p.start == 0 {
		p.start = 100 + p.pid
	}
	f.procs[p.pid] = p
	return p
}

func (f *fake) write(name, content string) {
	f.t.Helper()
	path := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func statLine(id int, p *fakeProcess, cpu, self, kids int) string {
	return fmt.Sprintf("%d (%s) S %d %d 0 0 -1 %d 0 0 0 0 %d 0 %d 0 20 0 %d 0 %d 0 0%s 17 %d 0 0\n",
		id, p.comm, p.ppid, p.group, p.flags, self, kids, max(1, len(p.tasks)), p.start, strings.Repeat(" 0", 13), cpu)
}

// flush makes the files say what the fake holds.
func (f *fake) flush() {
	f.t.Helper()
	var b strings.Builder
	b.WriteString("cpu  1 1 1 1 1 1 1 1\n")
	for i, c := range f.cpus {
		fmt.Fprintf(&b, "cpu%d %d 0 %d %d 0 %d %d 0 0 0\n", i, c.user, c.system, c.idle, c.irq, c.softirq)
	}
	f.write("proc/stat", b.String()+"intr 0\nctxt 0\nbtime 1\nprocesses 1\n")
	old, _ := filepath.Glob(f.root + "/proc/[0-9]*")
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			f.t.Fatal(err)
		}
	}
	for _, p := range f.procs {
		dir := fmt.Sprintf("proc/%d/", p.pid)
		f.write(dir+"stat", statLine(p.pid, p, p.cpu, p.self, p.kids))
		if p.ran > 0 {
			f.write(dir+"schedstat", fmt.Sprintf("%d 0 1\n", p.ran))
		}
		for _, k := range p.tasks {
			task := fmt.Sprintf("%stask/%d/", dir, k.tid)
			f.write(task+"stat", statLine(k.tid, p, k.cpu, int(k.ran/1e7), 0))
			f.write(task+"schedstat", fmt.Sprintf("%d 0 1\n", k.ran))
		}
	}
}

func places(perPackage ...int) (all []energy.Place) {
	cpu := 0
	for k, n := range perPackage {
		p := energy.Place{Socket: k, Die: -1}
		for range n {
			p.CPUs = append(p.CPUs, cpu)
			cpu++
		}
		all = append(all, p)
	}
	return all
}

func (f *fake) start(c Config) *Tracker {
	f.t.Helper()
	f.flush()
	c.Root = f.root
	if c.Places == nil {
		c.Places = places(len(f.cpus))
	}
	tr, err := New(c)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { tr.Close() })
	tr.at = f.now
	return tr
}

// interval lets d pass and ends an interval in which each package's counter
// moved by joules.
func (f *fake) interval(tr *Tracker, d time.Duration, joules float64) energy.Usage {
	f.t.Helper()
	f.flush()
	f.now = f.now.Add(d)
	var j [][energy.NumDomains]float64
	for range tr.config.Places {
		j = append(j, [energy.NumDomains]float64{energy.Package: joules, energy.Core: math.NaN()})
	}
	if err := tr.Interval(f.now, j); err != nil {
		f.t.Fatal(err)
	}
	u, err := tr.Usage(true)
	if err != nil {
		f.t.Fatal(err)
	}
	checkUsage(f.t, u)
	return u
}

// checkUsage holds a usage to conservation: of seconds, and processes within
// their party.
func checkUsage(t *testing.T, u energy.Usage) {
	t.Helper()
	for k, p := range u.Packages {
		var sum energy.Account
		for who := range p.Parties {
			sum.Add(p.Parties[who])
		}
		sum.Add(p.Nobody)
		if math.Abs(sum.Seconds-p.Seconds) > 1e-9*max(1, p.Seconds) {
			t.Fatalf("package %d: %v s of %v", k, sum.Seconds, p.Seconds)
		}
		var rows [energy.Parties]time.Duration
		for _, line := range u.Processes {
			rows[line.Party] += line.Accounts[k].CPU
		}
		for who, cpu := range rows {
			if who != int(energy.Target) && who != int(energy.Others) && cpu > p.Parties[who].CPU+1 {
				t.Fatalf("package %d: rows of %v hold %v, the party %v", k, energy.Party(who), cpu, p.Parties[who].CPU)
			}
		}
	}
}

// seconds returns a party's CPU seconds over all packages.
func seconds(u energy.Usage, who energy.Party) (s float64) {
	for _, p := range u.Packages {
		s += p.Parties[who].CPU.Seconds()
	}
	return s
}

func row(u energy.Usage, pid int) *energy.Process {
	for i := range u.Processes {
		if u.Processes[i].PID == pid {
			return &u.Processes[i]
		}
	}
	return nil
}

func rowSeconds(u energy.Usage, pid int) (s float64) {
	if p := row(u, pid); p != nil {
		for _, a := range p.Accounts {
			s += a.CPU.Seconds()
		}
	}
	return s
}

func sprintf(format string, v int) string { return fmt.Sprintf(format, v) }

func want(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
