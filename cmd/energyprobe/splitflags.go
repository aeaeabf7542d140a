package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/output"
)

// splitFlags say how the joules are split among those that ran.
type splitFlags struct {
	attribution string
	idle        string
	idleW       float64
	idleWGiven  bool
	baseline    time.Duration
	threads     bool
	top         int
}

var splitFlagNames = [...]string{"attribution", "idle", "idle-power", "baseline", "threads", "top"}

func (f *splitFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.attribution, "attribution", attributionAuto, "`METHOD` of splitting them among processes: "+strings.Join(attributionMethods(), ", "))
	fl.StringVar(&f.idle, "idle", idlePolicies[0], "`POLICY` for what the idle machine takes anyway: "+idleWords)
	fl.Float64Var(&f.idleW, "idle-power", 0, "what one idle package takes, in `WATTS`, when it is known from elsewhere")
	fl.DurationVar(&f.baseline, "baseline", 0, "watch the idle machine for `D` before the command starts, to learn its power")
	fl.BoolVar(&f.threads, "threads", false, "also what each thread spent")
	fl.IntVar(&f.top, "top", output.DefaultTop, "show the `N` processes that spent most; 0 shows all")
	complete(c, "attribution", attributionMethods())
	complete(c, "idle", idlePolicies[:])
}

const attributionAuto = "auto"

// attributionMethods are the values of --attribution.
func attributionMethods() []string {
	names := []string{attributionAuto}
	for _, m := range []energy.Method{energy.ByCycles, energy.ByTime, energy.ByCgroup, energy.ByProc, energy.NoMethod} {
		names = append(names, string(m))
	}
	return names
}

// idlePolicies are the values of --idle, the default first.
var idlePolicies = [...]string{attribute.IdleApart.String(), attribute.Proportional.String(), attribute.Reserved.String()}

const idleWords = "none (a line of its own), proportional (shared out by what each spent), reserved (the command's quota of it)"

// rows is --top as output.Options has it.
func (f splitFlags) rows() int {
	if f.top == 0 {
		return output.AllRows
	}
	return f.top
}

// check looks at the values; command says whether a command is measured.
func (f splitFlags) check(command bool) error {
	switch {
	case !slices.Contains(attributionMethods(), f.attribution):
		return fmt.Errorf("--attribution %s: want one of %s", f.attribution, strings.Join(attributionMethods(), ", "))
	case !slices.Contains(idlePolicies[:], f.idle):
		return fmt.Errorf("--idle %s: want one of %s", f.idle, strings.Join(idlePolicies[:], ", "))
	case f.idle != idlePolicies[0] && f.attribution == string(energy.NoMethod):
		return fmt.Errorf("--idle %s hands idle power to those that ran; --attribution none does not ask who did", f.idle)
	case f.threads && f.attribution == string(energy.NoMethod):
		return errors.New("--threads splits the joules; --attribution none does not")
	case f.threads && f.attribution == string(energy.ByCgroup):
		return errors.New("--threads: a cgroup's cpu.stat does not tell threads apart; use --attribution auto")
	case !(f.idleW >= 0) || math.IsInf(f.idleW, 1) || f.idleWGiven && f.idleW == 0:
		return fmt.Errorf("--idle-power %g: want watts above 0", f.idleW)
	case f.baseline < 0:
		return fmt.Errorf("--baseline %v: want a time above 0", f.baseline)
	case f.baseline > 0 && f.baseline < minBaseline:
		return fmt.Errorf("--baseline %v: the shortest is %v, or the idle machine's own unrest hides its power", f.baseline, minBaseline)
	case f.baseline > 0 && f.idleW > 0:
		return errors.New("--baseline learns what --idle-power already says: give one of them")
	case f.baseline > 0 && !command:
		return errors.New("--baseline goes with a command: a machine that already works is not idle; say its idle power with --idle-power WATTS")
	case f.top < 0:
		return fmt.Errorf("--top %d: want a number of rows, or 0 for all", f.top)
	}
	return nil
}

// minBaseline is some hundred refreshes of a counter.
const minBaseline = 100 * time.Millisecond
