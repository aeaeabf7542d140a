package doctor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

// The program whose remedies are tried, for the tests in the guest.
const programVar = "DOCTOR_TEST_PROGRAM"

// TestLab tries every remedy on the real drivers: see guest_test.go.
func TestLab(t *testing.T) {
	lab.Require(t)
	program := filepath.Join(t.TempDir(), "energyprobe")
	build := exec.Command("go", "build", "-o", program, "github.com/energyprobe/energyprobe/cmd/energyprobe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build energyprobe: %v\n%s", err, out)
	}
	tests := lab.BuildTest(t, ".")
	for _, c := range []struct {
		kernel, machine string
		sockets         int
	}{
		{"6.1", "skylake-server", 2},
		{"6.12", "epyc", 1},
		{"6.1", "epyc-noperf", 1},
	} {
		t.Run(c.machine+" "+c.kernel, func(t *testing.T) {
			r, err := lab.Run(context.Background(), lab.Options{
				Kernel: c.kernel, Machine: c.machine, Sockets: c.sockets, Timeout: 5 * time.Minute,
				Env:     []string{programVar + "=" + program},
				Command: []string{tests, "-test.run", "^TestGuest", "-test.v"},
			})
			t.Logf("%s%s", r.Stdout, r.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			// A guest in which nothing ran would pass too.
			if ran := strings.Count(string(r.Stdout), "--- PASS: TestGuest"); r.Status != 0 || ran < 3 {
				t.Errorf("status %d, %d tests passed, want 0 and 3", r.Status, ran)
			}
		})
	}
}
