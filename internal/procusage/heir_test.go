package procusage

import (
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// family is a root, its child and its grandchild, which did 50 ms.
func family(t *testing.T) *fake {
	f := newFake(t, 1)
	f.add(&fakeProcess{pid: 10, ppid: 1, group: 10, comm: "root"})
	f.add(&fakeProcess{pid: 20, ppid: 1, group: 20, comm: "other"})
	f.add(&fakeProcess{pid: 11, ppid: 10, group: 10, comm: "child"})
	f.add(&fakeProcess{pid: 12, ppid: 11, group: 10, comm: "grandchild"})
	return f
}

// Child and grandchild end between two looks, and a stranger gets the child's
// PID: what was seen of the grandchild is the root's all the same, once.
func TestAStrangerWithTheParentsPIDInheritsNothing(t *testing.T) {
	f := family(t)
	tr := f.start(Config{Target: Target{PID: 10}})
	f.procs[12].self = 5
	u := f.interval(tr, time.Second, 1)
	want(t, "target", seconds(u, energy.Target), 0.05)
	delete(f.procs, 12)
	f.add(&fakeProcess{pid: 11, ppid: 20, group: 20, start: 5000, comm: "stranger"})
	f.procs[10].kids = 5 + 6
	u = f.interval(tr, time.Second, 1)
	want(t, "target", seconds(u, energy.Target), 0.11)
	f.procs[11].kids = 4
	u = f.interval(tr, time.Second, 1)
	want(t, "others", seconds(u, energy.Others), 0.04)
}

// The grandchild is waited for while /proc is looked through: its parent's
// stat was read before, the grandchild's place is empty already. Then the
// parent ends.
func TestAChildThatGoesDuringALook(t *testing.T) {
	f := family(t)
	tr := f.start(Config{Target: Target{PID: 10}})
	f.procs[12].self = 5
	f.interval(tr, time.Second, 1)
	delete(f.procs, 12)
	f.interval(tr, time.Second, 1)
	delete(f.procs, 11)
	f.procs[10].kids = 5
	u := f.interval(tr, time.Second, 1)
	want(t, "target", seconds(u, energy.Target), 0.05)
}

// Threads are read after their process: they can't have done more than it.
func TestThreadsDoNoMoreThanTheirProcess(t *testing.T) {
	f := newFake(t, 2)
	p := f.add(&fakeProcess{pid: 10, ppid: 1, group: 10, comm: "mt", tasks: []fakeTask{{10, 0, 0}, {11, 1, 0}}})
	tr := f.start(Config{Places: places(1, 1), Target: Target{PID: 10}, Threads: true})
	p.self = 10
	p.tasks[0].ran, p.tasks[1].ran = 1e8, 3e8
	u := f.interval(tr, time.Second, 1)
	want(t, "target", seconds(u, energy.Target), 0.1)
	want(t, "package 1", u.Packages[1].Parties[energy.Target].CPU.Seconds(), 0.075)
}
