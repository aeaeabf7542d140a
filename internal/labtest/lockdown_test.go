package labtest

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

// TestLabLockdown locks a guest down, for good, and looks what is left.
func TestLabLockdown(t *testing.T) {
	boot(t, "^TestGuestStrict", []lab.Options{{Kernel: "6.12", Machine: "skylake-client", Cores: 1}})
}

// A kernel that is locked down for confidentiality lets no program read its
// memory: the split says so and falls back.
func TestGuestStrictLockdown(t *testing.T) {
	guest(t, "skylake-client")
	const dir = "/sys/kernel/security"
	if err := unix.Mount("securityfs", dir, "securityfs", 0, ""); err != nil && err != unix.EBUSY {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/lockdown", []byte("confidentiality"), 0); err != nil {
		t.Fatal(err)
	}
	r := probe(t, with([]string{idlePower}, loaded("700ms")...)...)
	a := r.Attribution
	t.Logf("%s by %s: %s; refused %+v", r.Source.Name, a.Method, a.Reason, a.Refused)
	if a.Method != "proc" || a.Split.TargetJ == nil || *a.Split.TargetJ <= 0 {
		t.Errorf("%s: %+v", a.Method, a.Split)
	}
	if len(a.Refused) == 0 || a.Refused[0].Kind != "forbidden" || !strings.Contains(a.Refused[0].Reason, "locked down") {
		t.Errorf("refused: %+v", a.Refused)
	}
	checkSplit(t, r)
}
