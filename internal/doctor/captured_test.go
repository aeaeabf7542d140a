package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/testutil"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// capturedKernel answers for the kernel of a captured host, whose files are
// all there is of it, as it would answer a user without rights.
type capturedKernel struct {
	root    string
	noPMU   bool  // no hardware counters
	bpfErr  error // of every trial; nil: they work
	gateErr error
	granted bool // perf events of the whole machine can be had
}

// open leaves powercap and msr, which are files, to the real readers, and perf
// too as far as it reads files.
func (k capturedKernel) open(name string, topo *topology.Topology) (*source.Opened, error) {
	if _, err := os.Stat(filepath.Join(k.root, "sys/bus/event_source/devices/power/type")); name == source.Perf && err == nil {
		if k.granted {
			return &source.Opened{Source: newSteady(topo)}, nil
		}
		return nil, &energy.Refusal{Name: "perf", Kind: energy.ErrForbidden, Reason: "open power/energy-pkg/ on cpu 0: needs CAP_PERFMON",
			Err: os.NewSyscallError("perf_event_open", unix.EACCES)}
	}
	return source.Host{Root: k.root, Topo: topo}.Open(name)
}

func (k capturedKernel) counters() ([]energy.Metric, []*energy.Refusal) {
	userMode := "perf (user mode only)"
	if k.granted {
		userMode = "perf"
	}
	metrics := []energy.Metric{energy.KnownMetric("cpu.task_clock", 1, userMode)}
	absent := &energy.Refusal{Name: "perf", Kind: energy.ErrAbsent, Reason: "the kernel offers no such hardware counter here", Err: unix.ENOENT}
	for _, name := range []string{"cpu.cycles", "cpu.cache_references", "cpu.branches"} {
		if k.noPMU {
			metrics = append(metrics, energy.UnknownMetric(name, "perf", absent.Reason))
		} else {
			metrics = append(metrics, energy.KnownMetric(name, 1, userMode))
		}
	}
	if k.noPMU {
		return metrics, []*energy.Refusal{absent}
	}
	return metrics, nil
}

func (k capturedKernel) bpf() bpfTrial        { return bpfTrial{k.bpfErr, k.bpfErr, k.bpfErr} }
func (k capturedKernel) gate() error          { return k.gateErr }
func (k capturedKernel) subreaper() error     { return nil }
func (k capturedKernel) slept() time.Duration { return 0 }

var errDenied = fmt.Errorf("load program: %w", unix.EPERM)

// Rights of a process, as /proc/self/status shows them.
const (
	allCaps = 1<<41 - 1
	uidUser = 1000
)

// person is who runs the doctor on a captured host.
type person struct {
	uid                 int
	effective, bounding uint64
	uidMap              string // "": the initial namespace
	noNewPrivs          bool
}

var (
	aUser     = person{uid: uidUser, bounding: allCaps}
	theRoot   = person{effective: allCaps, bounding: allCaps}
	inUserNS  = person{effective: allCaps, bounding: allCaps, uidMap: "0 1000 1\n"}
	noNewUser = person{uid: uidUser, bounding: allCaps, noNewPrivs: true}
)

// host unpacks a captured host and puts a person on it.
func host(t *testing.T, name string, p person) string {
	t.Helper()
	root := testutil.Host(t, name)
	p.enter(t, root)
	return root
}

func (p person) enter(t *testing.T, root string) {
	nnp := 0
	if p.noNewPrivs {
		nnp = 1
	}
	uids := strings.Repeat("\t"+strconv.Itoa(p.uid), 4)
	testutil.Write(t, root, "proc/self/status", fmt.Sprintf(
		"Name:\tenergyprobe\nUid:%s\nGid:%s\nCapInh:\t0\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t0\nNoNewPrivs:\t%d\nSeccomp:\t0\n",
		uids, uids, p.effective, p.effective, p.bounding, nnp))
	uidMap := p.uidMap
	if uidMap == "" {
		uidMap = "0 0 4294967295\n"
	}
	testutil.Write(t, root, "proc/self/uid_map", uidMap)
	testutil.Write(t, root, "proc/self/cgroup", "0::/user.slice/session-1.scope\n")
	if _, err := os.Stat(filepath.Join(root, "proc/sys/kernel/osrelease")); err != nil {
		testutil.Write(t, root, "proc/sys/kernel/osrelease", "6.12.9-amd64\n") // a container's fixture has no /proc of its own
	}
	release, err := os.ReadFile(filepath.Join(root, "proc/sys/kernel/osrelease"))
	if err != nil {
		t.Fatal(err)
	}
	testutil.Write(t, root, "lib/modules/"+strings.TrimSpace(string(release))+"/modules.dep",
		"kernel/arch/x86/events/rapl.ko:\nkernel/arch/x86/kernel/msr.ko:\nkernel/drivers/powercap/intel_rapl_msr.ko:\n")
}

// live makes the captured powercap counters readable and lets them run until
// the test ends, all alike, so that mirrors of one counter stay mirrors.
func live(t *testing.T, root string) {
	t.Helper()
	type moving struct {
		file *os.File
		uj   uint64
	}
	var counters []moving
	for _, path := range newExamination(Options{Root: root}, nil).energyFiles() {
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		uj, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		if err != nil || uj == 0 {
			continue // a counter that is broken in the capture stays so
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		counters = append(counters, moving{f, uj})
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := uint64(1); ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			for _, c := range counters {
				// In place: a reader never finds the file empty.
				_, _ = c.file.WriteAt([]byte(strconv.FormatUint(c.uj+50_000*n, 10)+"\n"), 0)
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		for _, c := range counters {
			c.file.Close()
		}
	})
}

// steady is a source whose packages draw 30 W, in steps of 61 uJ.
type steady struct {
	zones []energy.Zone
	began energy.Instant
}

func newSteady(topo *topology.Topology) *steady {
	s := &steady{began: energy.Now()}
	for _, socket := range topo.Sockets() {
		cpu, _ := topo.FirstOnlineCPU(socket, -1)
		s.zones = append(s.zones, energy.Zone{Domain: energy.Package, Socket: socket, Die: -1, Core: -1, Parent: -1,
			Tick: 1.0 / (1 << 32), MaxW: 4000, Origin: fmt.Sprintf("power/energy-pkg/ on cpu %d", cpu)})
	}
	return s
}

func (s *steady) Name() string         { return "perf" }
func (s *steady) Zones() []energy.Zone { return s.zones }
func (s *steady) Close() error         { return nil }

func (s *steady) Read(r *energy.Reading) error {
	for i := range s.zones {
		now := energy.Now()
		// A register of 2^-14 J, refreshed every millisecond.
		units := uint64(now.Sub(s.began)/time.Millisecond) * 30 * (1 << 14) / 1000
		r.At[i], r.Counts[i], r.Errs[i] = energy.Bracket{Before: now, After: energy.Now()}, units<<18, nil
	}
	return nil
}
