package bpfprog

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

func open(t testing.TB, o Options) *Tracker {
	t.Helper()
	if o.Places == nil {
		var cpus []int
		for i := range runtime.NumCPU() {
			cpus = append(cpus, i)
		}
		o.Places = []energy.Place{{Socket: 0, Die: -1, CPUs: cpus}}
		if n := len(cpus) / 2; os.Getenv("TWO") != "" {
			o.Places = []energy.Place{{Socket: 0, Die: -1, CPUs: cpus[:n]}, {Socket: 1, Die: -1, CPUs: cpus[n:]}}
			o.Siblings = make([]int, len(cpus))
		}
	}
	o.CPUs = runtime.NumCPU()
	tr, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func TestSmoke(t *testing.T) {
	tr := open(t, Options{})
	for _, r := range tr.Refused() {
		t.Log(r)
	}
	cmd := exec.Command("sh", "-c", "sleep 0.2; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := tr.Follow(Target{PID: cmd.Process.Pid}); err != nil {
		t.Fatal(err)
	}
	_ = os.Getpid()
	var j [energy.NumDomains]float64
	tr.Interval(0, [][energy.NumDomains]float64{j})
	j[0] = 10
	for range 10 {
		time.Sleep(50 * time.Millisecond)
		if err := tr.Interval(0, [][energy.NumDomains]float64{j}); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Wait()
	if err := tr.Interval(0, [][energy.NumDomains]float64{j}); err != nil {
		t.Fatal(err)
	}
	u, err := tr.Usage(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", u.Packages)
	for _, p := range u.Processes {
		if p.Accounts[0].CPU > time.Millisecond {
			t.Logf("%+v", p)
		}
	}
}
