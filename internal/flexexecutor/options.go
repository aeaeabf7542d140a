package flexexecutor

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/price"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Options say how profiles become results.
type Options struct {
	Tool report.Tool
	// SocketW are the watts of the whole-socket method, by architecture.
	SocketW Watts
	// Prices make the costs; nil for AWS Lambda's own, which are asked of
	// invocations on Lambda alone. A list given is asked of all.
	Prices *price.List
	// UsedGBS are the GB-seconds that the month has had before, of each
	// architecture.
	UsedGBS float64
	// BillColdStart bills the cold start as well, as if all of it were INIT.
	BillColdStart bool
	// Progress, where it is there, is told which file is being read.
	Progress func(file string)
}

// Watts are a socket's by architecture, as the whole-socket method takes them.
type Watts struct {
	Name     string // of the preset, "" for others
	X86, Arm float64
}

// The presets. The seed names 225 W and 300 W "for each of the processors",
// in the order x86, Arm; its own program took 166 W and 100 W for every row.
var (
	SeedWatts = Watts{"seed", 225, 300}
	ForkWatts = Watts{"fork", 166, 100}
)

// ParseWatts reads a preset's name, or x86=225,arm=300. What is left out of the
// latter is the seed's.
func ParseWatts(text string) (Watts, error) {
	for _, preset := range []Watts{SeedWatts, ForkWatts} {
		if text == preset.Name || text == "" {
			return preset, nil
		}
	}
	w := Watts{X86: SeedWatts.X86, Arm: SeedWatts.Arm}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		arch := ParseArch(name)
		if !ok || arch == "" {
			return Watts{}, fmt.Errorf("%q: want seed (x86=225,arm=300), fork (x86=166,arm=100), or watts such as x86=225,arm=300", text)
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || !(v > 0 && v <= 2000) {
			return Watts{}, fmt.Errorf("%q: want watts of a socket, above 0 and up to 2000, for %s", text, name)
		}
		if seen[arch] {
			return Watts{}, fmt.Errorf("%q: %s is there twice", text, name)
		}
		seen[arch] = true
		if arch == "x86_64" {
			w.X86 = v
		} else {
			w.Arm = v
		}
	}
	return w, nil
}

// of returns the watts for an architecture.
func (w Watts) of(arch string) (float64, bool) {
	switch arch {
	case "x86_64":
		return w.X86, w.X86 > 0
	case "aarch64":
		return w.Arm, w.Arm > 0
	}
	return 0, false
}
