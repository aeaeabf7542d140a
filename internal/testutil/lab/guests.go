package lab

import (
	"bytes"
	"testing"
	"time"
)

// Guests boots the machines one after the other and runs in each the tests of
// the package in the present folder whose names match run: the same test binary
// plays both sides, and a TestGuest skips itself where InGuest is false. It
// skips or fails where no guest can be started, as Require does.
func Guests(t *testing.T, run string, machines []Options) {
	t.Helper()
	if InGuest() {
		t.Skip("this is the guest")
	}
	Require(t)
	binary := BuildTest(t, ".")
	for _, o := range machines {
		t.Run(o.Kernel+"/"+o.Machine, func(t *testing.T) {
			if o.Timeout == 0 {
				o.Timeout = 8 * time.Minute
			}
			o.Command = []string{binary, "-test.run", run, "-test.v"}
			r, err := Run(t.Context(), o)
			switch {
			case err != nil:
				t.Fatalf("%v\n%s%s", err, r.Stdout, r.Stderr)
			case r.Status != 0 || bytes.Contains(r.Stderr, []byte("lab: kernel")):
				t.Errorf("status %d\n%s%s", r.Status, r.Stdout, r.Stderr)
			default:
				t.Logf("%s", r.Stdout)
			}
		})
	}
}
