package procusage

import (
	"errors"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

func TestTreeIsFollowed(t *testing.T) {
	f := newFake(t, 4)
	f.add(&fakeProcess{pid: 10, ppid: 1, group: 10, comm: "target", self: 500})
	f.add(&fakeProcess{pid: 11, ppid: 10, group: 10, comm: "child", self: 5})
	other := f.add(&fakeProcess{pid: 20, ppid: 1, group: 20, comm: "other", self: 700})
	kworker := f.add(&fakeProcess{pid: 30, ppid: 2, comm: "kworker", flags: 0x208040})
	tr := f.start(Config{Target: Target{PID: 10}})
	if tr.Method() != energy.ByProc {
		t.Errorf("method %v", tr.Method())
	}

	// What was before the start is nobody's.
	f.procs[10].self += 10
	f.procs[11].self += 20
	other.self += 30
	kworker.self += 40
	f.cpus[0].user += 100
	u := f.interval(tr, time.Second, 100)
	want(t, "target", seconds(u, energy.Target), 0.3)
	want(t, "others", seconds(u, energy.Others), 0.3)
	want(t, "kernel", seconds(u, energy.Kernel), 0.4)
	want(t, "target's joules", u.Packages[0].Parties[energy.Target].Joules[energy.Package], 30)
	want(t, "unknown core", u.Packages[0].Unknown[energy.Core], 1)

	// The child forks, ends and is waited for; the grandchild goes to init,
	// begins a session of its own and starts a child: all are the target's.
	delete(f.procs, 11)
	f.procs[10].kids += 5 + 20 + 6 // 60 ms of it after the last look
	f.add(&fakeProcess{pid: 12, ppid: 11, group: 12, comm: "grand", self: 7})
	u = f.interval(tr, time.Second, 10)
	if row(u, 12) == nil || row(u, 12).Party != energy.Target || row(u, 11) == nil || !row(u, 11).Ended {
		t.Fatalf("%+v", u.Processes)
	}
	want(t, "target", seconds(u, energy.Target), 0.3+0.06+0.07)
	f.procs[12].ppid = 1
	f.procs[12].comm = "daemon"
	f.add(&fakeProcess{pid: 13, ppid: 12, group: 12, self: 1, comm: "late"})
	u = f.interval(tr, time.Second, 10)
	want(t, "target", seconds(u, energy.Target), 0.44)
	if row(u, 12).Party != energy.Target || row(u, 13).Party != energy.Target {
		t.Errorf("%+v", u.Processes)
	}

	// Somebody else gets the PID of a member that has ended.
	delete(f.procs, 13)
	f.procs[12].kids++
	f.add(&fakeProcess{pid: 13, ppid: 20, group: 20, self: 9, start: 9000, comm: "thief"})
	u = f.interval(tr, time.Second, 10)
	want(t, "target", seconds(u, energy.Target), 0.44)
	thieves := 0
	for _, p := range u.Processes {
		if p.PID == 13 && p.Party == energy.Others && !p.Ended {
			thieves++
		}
	}
	if thieves != 1 {
		t.Errorf("%+v", u.Processes)
	}
}

// A thousand children of 3 ms that come and go between two looks are in their
// parent's account once it waited for them.
func TestShortLivedChildrenAreTheirParents(t *testing.T) {
	f := newFake(t, 2)
	f.add(&fakeProcess{pid: 10, ppid: 1, group: 10, comm: "sh"})
	tr := f.start(Config{Target: Target{PID: 10}})
	f.procs[10].kids += 300
	f.cpus[0].user += 300
	u := f.interval(tr, 3*time.Second, 30)
	want(t, "target", seconds(u, energy.Target), 3)
	want(t, "row", rowSeconds(u, 10), 3)
	want(t, "others", seconds(u, energy.Others), 0)
}

func TestWhatNobodyClaimsIsTheOthers(t *testing.T) {
	f := newFake(t, 2)
	f.add(&fakeProcess{pid: 10, ppid: 1, group: 10, comm: "sh"})
	tr := f.start(Config{Target: Target{PID: 10}})
	f.cpus[0].user += 50 // short-lived, by nobody seen
	f.cpus[1].softirq += 8
	f.procs[10].self += 20
	f.cpus[1].user += 20
	u := f.interval(tr, time.Second, 30)
	want(t, "target", seconds(u, energy.Target), 0.2)
	want(t, "kernel", seconds(u, energy.Kernel), 0.08)
	want(t, "others", seconds(u, energy.Others), 0.5-2*0.01) // less a tick per CPU
	// Interrupts that are in the clock of whom they interrupted count once.
	f.procs[10].self += 10
	f.cpus[0].irq += 4
	f.cpus[0].user += 6
	u = f.interval(tr, time.Second, 30)
	all := seconds(u, energy.Target) + seconds(u, energy.Kernel) + seconds(u, energy.Others)
	if all > 0.88+1e-9 || all < 0.86-1e-9 {
		t.Errorf("%v CPU seconds of 0.88", all)
	}
}

func TestPackagesAndThreads(t *testing.T) {
	f := newFake(t, 4)
	p := f.add(&fakeProcess{pid: 10, ppid: 1, group: 10, comm: "mt", tasks: []fakeTask{{10, 0, 0}, {11, 2, 0}, {12, 3, 0}}})
	tr := f.start(Config{Places: places(2, 2), Target: Target{PID: 10}, Threads: true})
	p.self += 60
	p.tasks[0].ran, p.tasks[1].ran, p.tasks[2].ran = 1e8, 2e8, 3e8
	f.cpus[0].user, f.cpus[2].user, f.cpus[3].user = 10, 20, 30
	u := f.interval(tr, time.Second, 12)
	want(t, "package 0", u.Packages[0].Parties[energy.Target].CPU.Seconds(), 0.1)
	want(t, "package 1", u.Packages[1].Parties[energy.Target].CPU.Seconds(), 0.5)
	want(t, "joules of package 1", u.Packages[1].Parties[energy.Target].Joules[energy.Package], 12)
	if len(u.Threads) != 3 {
		t.Fatalf("threads %+v", u.Threads)
	}
	want(t, "thread 12", u.Threads[2].Accounts[1].CPU.Seconds(), 0.3)
	want(t, "row", rowSeconds(u, 10), 0.6)
	// A thread that ends leaves its account to the process.
	p.tasks = p.tasks[:2]
	p.self += 10
	p.tasks[0].ran += 1e8
	f.cpus[0].user += 10
	u = f.interval(tr, time.Second, 12)
	want(t, "row", rowSeconds(u, 10), 0.7)
	if len(u.Threads) != 2 {
		t.Errorf("threads %+v", u.Threads)
	}
}

func TestNanosecondsWhereTheyAreToBeHad(t *testing.T) {
	f := newFake(t, 1)
	f.add(&fakeProcess{pid: 10, ppid: 1, group: 10, comm: "a", ran: 123456})
	tr := f.start(Config{Target: Target{PID: 10}})
	f.procs[10].ran += 3210987
	u := f.interval(tr, time.Second, 1)
	want(t, "target", seconds(u, energy.Target), 0.003210987)
}

func TestMachineIsTheTarget(t *testing.T) {
	f := newFake(t, 1)
	f.add(&fakeProcess{pid: 10, ppid: 1, comm: "a"})
	f.add(&fakeProcess{pid: 30, ppid: 2, comm: "kworker", flags: 0x208040})
	tr := f.start(Config{Target: Target{Machine: true}})
	f.procs[10].self, f.procs[30].self = 30, 5
	f.cpus[0].user = 50
	u := f.interval(tr, time.Second, 1)
	want(t, "target", seconds(u, energy.Target), 0.3+0.15-0.01)
	want(t, "kernel", seconds(u, energy.Kernel), 0.05)
	want(t, "others", seconds(u, energy.Others), 0)
}

func TestGroup(t *testing.T) {
	for name, files := range map[string][2]string{
		"v2": {"cpu.stat", "usage_usec %d\nuser_usec 0\n"},
		"v1": {"cpuacct.usage", "%d000\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, 2)
			dir := "sys/fs/cgroup/job/"
			if name == "v1" {
				dir = "sys/fs/cgroup/cpuacct/job/"
			}
			usage := func(usec int) { f.write(dir+files[0], sprintf(files[1], usec)) }
			f.write(dir+"cgroup.procs", "10\n")
			f.write(dir+"inner/cgroup.procs", "11\n")
			usage(5_000_000)
			for _, pid := range []int{10, 11, 20} {
				f.add(&fakeProcess{pid: pid, ppid: 1, group: pid, comm: "x", self: 100})
			}
			tr := f.start(Config{Target: Target{Cgroup: "/job"}})
			if tr.Method() != energy.ByCgroup {
				t.Fatalf("method %v", tr.Method())
			}
			f.procs[10].self += 20
			f.procs[11].self += 10
			f.procs[20].self += 40
			f.cpus[0].user += 100
			usage(5_500_000) // 0.2 s more than its processes tell
			u := f.interval(tr, time.Second, 10)
			want(t, "target", seconds(u, energy.Target), 0.5)
			want(t, "others", seconds(u, energy.Others), 0.5-0.02)
			// A process that moves in is the target's from then on, and the
			// counter has it already.
			f.write(dir+"cgroup.procs", "10\n20\n")
			f.procs[20].self += 10
			f.cpus[0].user += 10
			usage(5_600_000)
			u = f.interval(tr, time.Second, 10)
			want(t, "target", seconds(u, energy.Target), 0.6)
			// It moves away again, and so does a child of a member's; another
			// one that its parent started elsewhere never was the target's.
			f.write(dir+"cgroup.procs", "10\n12\n")
			f.add(&fakeProcess{pid: 12, ppid: 10, group: 10, comm: "child", self: 5})
			f.add(&fakeProcess{pid: 13, ppid: 10, group: 10, comm: "elsewhere", self: 5})
			f.cpus[0].user += 10
			usage(5_650_000)
			u = f.interval(tr, time.Second, 10)
			want(t, "target", seconds(u, energy.Target), 0.65)
			f.write(dir+"cgroup.procs", "10\n")
			f.procs[12].self += 20
			f.procs[20].self += 30
			f.cpus[0].user += 50
			u = f.interval(tr, time.Second, 10)
			want(t, "target", seconds(u, energy.Target), 0.65)
			for pid, party := range map[int]energy.Party{10: energy.Target, 11: energy.Target, 12: energy.Others, 13: energy.Others, 20: energy.Others} {
				if p := row(u, pid); p == nil || p.Party != party {
					t.Errorf("process %d: %+v, want %v", pid, p, party)
				}
			}
			// The group is removed.
			f.write(dir+files[0], "")
			u = f.interval(tr, time.Second, 10)
			want(t, "target", seconds(u, energy.Target), 0.65)
		})
	}
}

func TestEndedProcessesAreBounded(t *testing.T) {
	f := newFake(t, 1)
	f.add(&fakeProcess{pid: 10, ppid: 1, group: 10, comm: "sh"})
	tr := f.start(Config{Target: Target{PID: 10}, MaxEnded: 8})
	total := 0
	for i := range 40 {
		f.add(&fakeProcess{pid: 100 + i, ppid: 10, group: 10, comm: "kid", self: 1 + i, start: 1000 + i})
		total += 1 + i
		f.interval(tr, time.Second, 1)
		delete(f.procs, 100+i)
		f.procs[10].kids += 1 + i
	}
	u := f.interval(tr, time.Second, 1)
	want(t, "target", seconds(u, energy.Target), float64(total)/100)
	ended := 0
	for _, p := range u.Processes {
		if p.Ended {
			ended++
		}
	}
	if ended > 10 || uint64(ended)+u.Lost.Processes != 40 || row(u, 139) == nil {
		t.Errorf("%d ended, %d lost", ended, u.Lost.Processes)
	}
}

func TestRefusals(t *testing.T) {
	f := newFake(t, 1)
	f.flush()
	for _, c := range []struct {
		name string
		c    Config
		kind error
	}{
		{"no process", Config{Root: f.root, Places: places(1), Target: Target{PID: 77}}, energy.ErrAbsent},
		{"no group", Config{Root: f.root, Places: places(1), Target: Target{Cgroup: "/x"}}, energy.ErrAbsent},
		{"no /proc", Config{Root: t.TempDir(), Places: places(1)}, energy.ErrAbsent},
		{"no package", Config{Root: f.root}, energy.ErrAbsent},
	} {
		tr, err := New(c.c)
		var r *energy.Refusal
		if tr != nil || !errors.As(err, &r) || !errors.Is(err, c.kind) || r.Reason == "" {
			t.Errorf("%s: %v, %v", c.name, tr, err)
		}
	}
	f.write("proc/stat", "nonsense\n")
	if _, err := New(Config{Root: f.root, Places: places(1)}); !errors.Is(err, energy.ErrBroken) {
		t.Errorf("a damaged /proc/stat: %v", err)
	}
	var none *Tracker
	if none.Close() != nil {
		t.Error("closing nothing failed")
	}
}
