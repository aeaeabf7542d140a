package lab

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// Guests boots the machines, as many at a time as there are CPUs, and runs in each the tests of
// the package in the present folder whose names match run: the same test binary
// plays both sides, and a TestGuest skips itself where InGuest is false. It
// skips or fails where no guest can be started, as Require does.
//
// A guest whose kernel dies or stands still is started again, twice at most:
// emulated CPUs don't always take notice of code that the kernel changes under
// them. What a test says is final.
func Guests(t *testing.T, run string, machines []Options) {
	t.Helper()
	if InGuest() {
		t.Skip("this is the guest")
	}
	Require(t)
	binary := BuildTest(t, ".")
	for _, o := range machines {
		t.Run(o.Kernel+"/"+o.Machine, func(t *testing.T) {
			t.Parallel() // as many as the lab lets run at once
			if o.Timeout == 0 {
				o.Timeout = 4 * time.Minute
			}
			o.Command = []string{binary, "-test.run", run, "-test.v", "-test.parallel", "8"}
			r, err := Run(t.Context(), o)
			for again := 0; again < 2 && (errors.Is(err, ErrTimeout) || errors.Is(err, ErrFailed)); again++ {
				t.Logf("the guest did not get to its end, and is started again: %v", err)
				r, err = Run(t.Context(), o)
			}
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
