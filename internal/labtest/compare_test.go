package labtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Two commands that differ by a tenth are told apart, two equal ones are not.
func TestGuestCompare(t *testing.T) {
	guest(t, "skylake-server")
	command := func(load string) string { return fmt.Sprintf("/usr/bin/env %s=%s %s", loadVar, load, os.Args[0]) }
	cmd := exec.Command(os.Getenv(probeVar), "compare", "-q", "--format", "json", "--shell", "none", "--seed", "1", "--repeat", "8", "--",
		command("400ms"), command("400ms"), command("445ms")) // with what it takes to start, a tenth more
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.Bytes())
	}
	c := &report.Comparison{}
	if err := json.Unmarshal(out.Bytes(), c); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{report.NoneSeen, report.More} {
		p := c.Pairs[i]
		t.Log(p.Verdict)
		if p.Outcome != want {
			t.Errorf("%s: want %s: %s", p.B, want, p.Verdict)
		}
	}
	ch := c.Pairs[1].Changes[report.MeasureEnergy]
	if ch.LowPct == nil || *ch.LowPct > 11 || *ch.HighPct < 9 {
		t.Errorf("a tenth more is not in %v", ch)
	}
	// Both CPU time and the command's own joules say the same.
	if own := c.Pairs[1].Changes[report.MeasureTarget]; own.ChangePct == nil || *own.ChangePct < 7 || *own.ChangePct > 13 {
		t.Errorf("of its own the command has %v", own)
	}
}
