package host

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/prometheus/procfs"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

// pressureKinds are the files of /proc/pressure.
var pressureKinds = [...]string{"cpu", "memory", "io"}

// readPressure returns the time, in microseconds, in which some task was
// stalled (Documentation/accounting/psi.rst).
func readPressure(root string) (c [len(pressureKinds)]counter) {
	fs, err := procfs.NewFS(root + "/proc")
	for i, kind := range pressureKinds {
		if err != nil {
			c[i].bad = procfile.Why(root+"/proc", err)
			continue
		}
		c[i] = pressure(fs, kind, root+"/proc/pressure/"+kind)
	}
	return c
}

func pressure(fs procfs.FS, kind, path string) (c counter) {
	err := guarded(func() error {
		psi, err := fs.PSIStatsForResource(kind)
		if err != nil {
			return err
		}
		if psi.Some == nil {
			return procfile.ErrNoLine
		}
		c.v = psi.Some.Total
		return nil
	})
	if err == nil {
		return c
	}
	c.bad = procfile.Why(path, err)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) {
		c.bad += ": pressure accounting needs CONFIG_PSI and, on some kernels, psi=1 on the kernel's command line"
	}
	return c
}

// guarded runs a parser that is not ours. Some of them index fields of a line
// without counting them first; a damaged file must not end the measurement.
func guarded(parse func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", procfile.ErrMalformed, p)
		}
	}()
	return parse()
}

// runWait is the time threads waited for each CPU, in nanoseconds, by the
// CPU's number.
type runWait struct {
	ns  map[string]uint64
	bad string
}

// readRunWait reads /proc/schedstat (Documentation/scheduler/sched-stats.rst,
// the eighth number of a cpu line).
func readRunWait(root string) runWait {
	path := root + "/proc/schedstat"
	if !procfile.Exists(path) {
		return runWait{bad: path + " is absent: the kernel was built without CONFIG_SCHEDSTATS"}
	}
	w := runWait{ns: map[string]uint64{}}
	err := guarded(func() error {
		fs, err := procfs.NewFS(root + "/proc")
		if err != nil {
			return err
		}
		s, err := fs.Schedstat()
		if err != nil {
			return err
		}
		for _, cpu := range s.CPUs {
			w.ns[cpu.CPUNum] = cpu.WaitingNanoseconds
		}
		if len(w.ns) == 0 {
			return procfile.ErrMalformed
		}
		return nil
	})
	if err != nil {
		return runWait{bad: procfile.Why(path, err)}
	}
	return w
}

func (a runWait) report(b runWait, source string, r *results) {
	const name = "machine.run_wait"
	for _, w := range []runWait{a, b} {
		if w.bad != "" {
			r.unknown(name, source, w.bad)
			return
		}
	}
	var sum uint64
	var out []string
	for cpu, before := range a.ns {
		if after, ok := b.ns[cpu]; ok && after >= before {
			sum += after - before
		} else {
			out = append(out, "cpu"+cpu)
		}
	}
	if len(out) == len(a.ns) {
		r.unknown(name, source, "no CPU was online from start to end")
		return
	}
	r.known(name, float64(sum)/1e9, leftOut(source, out, "offline in between"))
}
