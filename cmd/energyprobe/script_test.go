package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"energyprobe": main})
}

// The scripts in testdata/script are the command line's specification: one
// file per subject, run against the real program.
//
// Beside testscript's own commands there are
//
//	host NAME                    unpack a captured host into $WORK/hosts/NAME
//	ticking ZONE:WATTS[:UJ]...   start a host whose counters run, in $HOST; UJ is their modulus
//	zone break ZONE CONTENT      make a counter of it show something else
//	zone heal ZONE
func TestScripts(t *testing.T) { scripts(t, "testdata/script") }

// Those of benchmarks keep the machine busy: the others, of which some look at the
// clock, are over before.
func TestBenchScripts(t *testing.T) { scripts(t, "testdata/bench") }

func scripts(t *testing.T, dir string) {
	t.Helper()
	s := &scriptHosts{t: t, running: make(map[string]*testutil.Ticking)}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LC_ALL", "C.UTF-8")
			program, err := exec.LookPath("energyprobe")
			if err != nil {
				return err
			}
			e.Setenv("ENERGYPROBE", program)
			golden, err := filepath.Abs("../../testdata/golden")
			if err != nil {
				return err
			}
			e.Setenv("GOLDEN", golden)
			// Else every program built with -race stays a second longer.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			return cond == "root" && os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"host": s.host, "ticking": s.ticking, "zone": s.zone,
		},
	})
}

// scriptHosts are the hosts of the scripts, which run side by side.
type scriptHosts struct {
	t       *testing.T
	mu      sync.Mutex
	running map[string]*testutil.Ticking // by root
}

func (s *scriptHosts) host(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: host NAME")
	}
	dir := ts.MkAbs("hosts")
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(os.Symlink(testutil.Host(s.t, args[0]), filepath.Join(dir, args[0])))
}

func (s *scriptHosts) ticking(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: ticking ZONE:WATTS[:MODULUS_UJ]...")
	}
	var zones []testutil.TickingZone
	for i, arg := range args {
		f := strings.Split(arg, ":")
		if len(f) < 2 {
			ts.Fatalf("%s: want ZONE:WATTS", arg)
		}
		z := testutil.TickingZone{Name: f[0], StartUJ: uint64(i+1) * 1_000_000}
		var err error
		z.Watts, err = strconv.ParseFloat(f[1], 64)
		ts.Check(err)
		if len(f) > 2 {
			z.ModulusUJ, err = strconv.ParseUint(f[2], 10, 64)
			ts.Check(err)
		}
		zones = append(zones, z)
	}
	h := testutil.NewTicking(s.t, zones...)
	s.mu.Lock()
	s.running[h.Root] = h
	s.mu.Unlock()
	ts.Setenv("HOST", h.Root)
}

func (s *scriptHosts) zone(ts *testscript.TestScript, neg bool, args []string) {
	s.mu.Lock()
	h := s.running[ts.Getenv("HOST")]
	s.mu.Unlock()
	switch {
	case h == nil:
		ts.Fatalf("zone: no ticking host")
	case len(args) == 3 && args[0] == "break" && !neg:
		ts.Check(h.Break(args[1], args[2]+"\n"))
	case len(args) == 2 && args[0] == "heal" && !neg:
		h.Heal(args[1])
	default:
		ts.Fatalf("usage: zone break ZONE CONTENT, zone heal ZONE")
	}
}
