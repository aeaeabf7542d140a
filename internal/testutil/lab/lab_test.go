package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLab runs the tests of guest_test.go on both kernels and on machines that between them have every
// domain, several packages, several dies, and SMT.
func TestLab(t *testing.T) {
	Guests(t, "^TestGuest", []Options{
		{Kernel: "6.1", Machine: "skylake-server", Sockets: 2, Cores: 1, Threads: 2},
		{Kernel: "6.12", Machine: "skylake-server", Sockets: 2, Dies: 2, Cores: 1},
		{Kernel: "6.1", Machine: "skylake-client"},
		{Kernel: "6.12", Machine: "epyc", Sockets: 2, Cores: 1, Threads: 2},
		{Kernel: "6.1", Machine: "epyc-noperf"},
		{Kernel: "6.12", Machine: "sapphire-rapids", Sockets: 2},
		{Kernel: "6.12", Machine: "sandybridge"},
		{Kernel: "6.1", Machine: "icelake-server"},
		{Kernel: "6.1", Machine: "kvm"},
		{Kernel: "6.12", Machine: "none"},
	})
}

func TestRun(t *testing.T) {
	if InGuest() {
		t.Skip("this is the guest")
	}
	Require(t, "6.1")
	out := t.TempDir()
	r, err := Run(t.Context(), Options{
		Env: []string{"WORD=a b"},
		Out: out,
		Command: []string{"bash", "-c", `echo "to out $WORD"; echo 'to err' >/dev/stderr; pwd
			echo kept >$LAB_OUT/file; echo lost >lost; touch /tmp/lost; exit 42`},
	})
	if err != nil {
		t.Fatal(err)
	}
	here, _ := os.Getwd()
	if got, want := string(r.Stdout), "to out a b\n"+here+"\n"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if got := string(r.Stderr); got != "to err\n" {
		t.Errorf("stderr %q", got)
	}
	if r.Status != 42 {
		t.Errorf("status %d", r.Status)
	}
	if b, err := os.ReadFile(filepath.Join(out, "file")); string(b) != "kept\n" {
		t.Errorf("file in Out: %q, %v", b, err)
	}
	if _, err := os.Stat("lost"); err == nil {
		t.Error("the guest wrote to the host's tree")
	}

	_, err = Run(t.Context(), Options{Timeout: 8 * time.Second, Command: []string{"sleep", "100"}})
	if !errors.Is(err, ErrTimeout) {
		t.Errorf("hung guest: %v", err)
	}
	_, err = Run(t.Context(), Options{Sim: []string{"no_such_parameter=x", "pkg=perhaps"}, Command: []string{"true"}})
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "raplsim") {
		t.Errorf("impossible machine: %v", err)
	}
	_, err = Run(t.Context(), Options{Machine: "pdp11", Command: []string{"true"}})
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "pdp11") {
		t.Errorf("unknown machine: %v", err)
	}
}
