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
		run             string
		tests           int
	}{
		{"6.1", "skylake-server", "^TestGuest", 3},
		{"6.12", "epyc", "^TestGuest", 3},
		{"6.1", "epyc-noperf", "^TestGuestModules$", 1},
	} {
		t.Run(c.machine+" "+c.kernel, func(t *testing.T) {
			t.Parallel()
			r, err := lab.Run(context.Background(), lab.Options{
				Kernel: c.kernel, Machine: c.machine, Timeout: 10 * time.Minute,
				Env:     []string{programVar + "=" + program},
				Command: []string{tests, "-test.run", c.run, "-test.v"},
			})
			t.Logf("%s%s", r.Stdout, r.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			// A guest in which nothing ran would pass too.
			if ran := strings.Count("\n"+string(r.Stdout), "\n--- PASS: TestGuest"); r.Status != 0 || ran != c.tests {
				t.Errorf("status %d, %d tests passed, want 0 and %d", r.Status, ran, c.tests)
			}
		})
	}
}
