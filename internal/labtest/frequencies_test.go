package labtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// everywhere is a steady load on every CPU but one.
func everywhere(but int) (all []rival) {
	for cpu := range runtime.NumCPU() {
		if cpu != but {
			all = append(all, rival{"20s", cpu, ""})
		}
	}
	return all
}

// CPUs of one package at different frequencies: cycles tell them apart, time
// does not.
func TestGuestSplitFrequencies(t *testing.T) {
	guest(t, "skylake-client")
	reload(t, "wake_mw=0", "jitter_us=100", "freq_mhz=1000,1500,2000,3000")
	for _, c := range []struct {
		method string
		limit  float64
	}{{"ebpf-cycles", 5}, {"ebpf-time", 0}} {
		bySource(t, func(t *testing.T, source string) {
			errorsOf(t, "four frequencies by "+c.method+", "+source, c.limit, func(t *testing.T, rng *rand.Rand) float64 {
				at := rng.IntN(runtime.NumCPU())
				beside(t, everywhere(at))
				r, truth := split(t, rival{"1800ms", at, ""}, "--source", source, idlePower, "--attribution", c.method)
				return packageJoules(r)/truth - 1
			})
		})
	}
}

// step is a CPU's clock from a moment after the command's start on.
type step struct {
	after time.Duration
	mhz   int
}

// ramp changes the clock of a CPU at steps after a file has been made.
func ramp(t *testing.T, file string, cpu int, steps []step) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		for begun := false; !begun; time.Sleep(5 * time.Millisecond) {
			_, err := os.Stat(file)
			begun = err == nil
			if t.Context().Err() != nil {
				done <- fmt.Errorf("the load did not begin")
				return
			}
		}
		began := time.Now()
		for _, s := range steps {
			time.Sleep(s.after - time.Since(began))
			if err := setClock(cpu, s.mhz); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("change the clock of CPU %d: %v", cpu, err)
		}
	})
}

func setClock(cpu, mhz int) error {
	return os.WriteFile("/proc/raplsim", fmt.Appendf(nil, "freq=%d:%d", cpu, mhz), 0)
}

// A CPU whose clock changes while one program keeps it busy, as it does after
// each idle time: the joules of every interval are shared by what the clock was
// then, though nothing is switched that would say so. The program is one that
// has no other threads.
func TestGuestSplitRamps(t *testing.T) {
	guest(t, "skylake-client")
	reload(t, "wake_mw=0", "jitter_us=100", "freq_mhz=1500")
	bySource(t, func(t *testing.T, source string) {
		errorsOf(t, "a clock that changes, "+source, 5, func(t *testing.T, rng *rand.Rand) float64 {
			cpus := rng.Perm(runtime.NumCPU())
			at := cpus[0]
			beside(t, []rival{{"20s", cpus[1], ""}}) // the others are idle: nothing has to come to the command's
			// At its lowest while nobody runs; the load has it go up, and gets too hot.
			if err := setClock(at, 600); err != nil {
				t.Fatal(err)
			}
			up, down := 100+rng.IntN(200), 900+rng.IntN(600)
			file := filepath.Join(t.TempDir(), "begun")
			ramp(t, file, at, []step{{time.Duration(up) * time.Millisecond, 3000}, {time.Duration(down) * time.Millisecond, 1200}})
			r, status := probeStatus(t, "--top", "0", "--source", source, idlePower, "--",
				"/usr/bin/timeout", "1.8", "/usr/bin/taskset", "-c", strconv.Itoa(at), "/bin/sh", "-c", ": >"+file+"; while :; do :; done")
			if status != 124 { // timeout's, which has ended it
				t.Fatalf("the command ended with status %d", status)
			}
			checkSplit(t, r)
			truth := trueCommand(t, r)
			explain(t, r, truth)
			return packageJoules(r)/truth - 1
		})
	})
}
