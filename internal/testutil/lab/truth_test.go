package lab

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The golden account comes from a guest with two packages of two dies, cut down to a few processes:
//
//	testdata/lab/lab --kernel 6.12 --sockets 2 --dies 2 --cores 1 --sim 'wrap_after_mj=5000 pkg_pct=100,80' -- ...
func TestParseTruthGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/truth.txt")
	if err != nil {
		t.Fatal(err)
	}
	truth, err := ParseTruth(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(truth, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile("testdata/truth.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/truth.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("testdata/truth.json differs (rewrite it with -update):\n%s", got)
	}
}

func TestTruthTree(t *testing.T) {
	truth := &Truth{Processes: []Process{
		{PID: 1, Forked: 1},
		{PID: 2, PPID: 1, Forked: 2},
		{PID: 3, PPID: 2, Forked: 3},
		{PID: 9, PPID: 8, Forked: 4},
		{PID: 2, PPID: 8, Forked: 5}, // another process under a PID that returned
		{PID: 5, PPID: 2, Forked: 6},
		{PID: 6, PPID: 3, Forked: 7},
	}}
	var pids []int
	for _, p := range truth.Tree(&truth.Processes[1]) {
		pids = append(pids, p.PID)
	}
	if len(pids) != 3 || pids[0] != 2 || pids[1] != 3 || pids[2] != 6 {
		t.Errorf("tree of 2: %v, want [2 3 6]", pids)
	}
	if p := truth.Process(2); p == nil || p.Forked != 5 {
		t.Errorf("process 2: %+v, want the younger one", p)
	}
	if p := truth.Process(77); p != nil {
		t.Errorf("process 77: %+v", p)
	}
}

func TestTruthCheck(t *testing.T) {
	good := func() *Truth {
		return &Truth{
			Dies:      []Die{{Energy: Domains{Package: 60, DRAM: 9}, Idle: 10, Wake: 20, Dynamic: 30, DRAMDynamic: 4}},
			Processes: []Process{{Dynamic: 10, DRAM: 4}, {Dynamic: 20}},
		}
	}
	if err := good().Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Truth){
		"package": func(t *Truth) { t.Dies[0].Energy.Package += 9 },
		"process": func(t *Truth) { t.Processes[1].Dynamic += 9 },
		"dram":    func(t *Truth) { t.Processes[1].DRAM += 9 },
	} {
		bad := good()
		spoil(bad)
		if bad.Check() == nil {
			t.Errorf("%s: 9 nJ too many were not noticed", name)
		}
	}
}

func TestParseTruthErrors(t *testing.T) {
	const head = "raplsim version=1 lost=0\n"
	for text, want := range map[string]string{
		"":                                  "no raplsim line",
		"raplsim version=2 lost=0\n":        "version 2",
		head + "moon phase=1\n":             "unknown kind",
		head + "psys nj=-1\n":               "invalid syntax",
		head + "psys joules=1\n":            "nj: missing",
		head + "core package=0 core=0 nj=1": "die: missing",
		head + "process pid=1 ppid=0 comm=x kthread=0 live=0 threads=1 dyn_nj=0 dram_nj=0 cpu_ns=0 cycles=0 instructions=0 fork_ns=1 exec_ns=2 exit_ns=0 exec_dyn_nj=0 exec_dram_nj=0 exec_cpu_ns=0 exec_0.0_nj=1,2 exec_psys_nj=1": "exec_0.0_nj",
	} {
		if _, err := ParseTruth(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`plain`: "plain", `a\040b\075c`: "a b=c", `back\134slash`: `back\slash`, `\`: `\`, `\04`: `\04`, `\999`: `\999`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzParseTruth(f *testing.F) {
	text, err := os.ReadFile("testdata/truth.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("raplsim version=1 lost=0\nprocess pid=1 exec_ns=1 exit_ns=1\n")
	f.Fuzz(func(t *testing.T, text string) {
		truth, err := ParseTruth(strings.NewReader(text))
		if err != nil {
			return
		}
		// Whatever parses must be safe to ask.
		_ = truth.Check()
		_ = truth.Total()
		for i := range truth.Processes {
			p := &truth.Processes[i]
			p.Lifetime()
			if tree := truth.Tree(p); len(tree) == 0 || tree[0] != p {
				t.Errorf("tree of %d: %v", p.PID, tree)
			}
		}
	})
}
