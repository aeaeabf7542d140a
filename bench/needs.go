package bench

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/bench/sandbox"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// needsGroup is the group of a doctor's findings that these are in.
const needsGroup = "benchmark"

// piece is something that the Python originals of the applications use.
type piece struct {
	name    string // as the check is called
	program string // that has to be there
	module  string // of Python, "" where the program is all
	debian  string // package
	what    string // it is for
}

func pieces() []piece {
	return []piece{
		{"python3", "python3", "", "python3", "the originals of all applications"},
		{"numpy", "python3", "numpy", "python3-numpy", "components of ml, frames of video"},
		{"pandas", "python3", "pandas", "python3-pandas", "titanic"},
		{"scikit-learn", "python3", "sklearn", "python3-sklearn", "titanic, and ml where LightGBM is missing"},
		{"lightgbm", "python3", "lightgbm", "", "ml; scikit-learn's histogram boosting stands in for it"},
		{"opencv", "python3", "cv2", "python3-opencv", "video"},
		{"ffmpeg", "ffmpeg", "", "ffmpeg", "video files, also of the built-in application"},
	}
}

// Needs says what a host lacks of what a matrix may ask for: limits of memory and
// CPU, and what the Python originals are made of. The first that is missing has
// the line that installs all of them.
func Needs(ctx context.Context, root string) []report.Check {
	checks := []report.Check{limitsCheck(root)}
	var packages []string
	first := -1
	for _, p := range pieces() {
		c := p.check(ctx)
		if c.State == report.Absent {
			if first < 0 {
				first = len(checks)
			}
			packages = append(packages, p.debian)
		}
		checks = append(checks, c)
	}
	if first >= 0 {
		checks[first].Remedy = "sudo apt-get install -y " + strings.Join(packages, " ")
	}
	return checks
}

// debianPython is the interpreter that Debian's packages are for.
const debianPython = "/usr/bin/python3"

func limitsCheck(root string) report.Check {
	c := report.Check{Group: needsGroup, Name: "limits", State: report.Working, Detail: "workers can be kept within memory and CPU by control groups"}
	p, err := sandbox.Open(root)
	if err == nil {
		err = p.Close()
	}
	if err == nil {
		return c
	}
	c.State, c.Detail = report.Broken, err.Error()
	var r *energy.Refusal
	if errors.As(err, &r) {
		c.State, c.Detail, c.Remedy = report.CheckState(r.KindName()), r.Reason, r.Remedy
	}
	return c
}

// lacking is what it means that a piece is not there: of what has no package
// something else takes the place.
func (p piece) lacking() report.CheckState {
	if p.debian == "" {
		return report.Note
	}
	return report.Absent
}

// check looks for a piece. A module is imported: that it lies somewhere does not
// mean that it works.
func (p piece) check(ctx context.Context) report.Check {
	c := report.Check{Group: needsGroup, Name: p.name, State: report.Working}
	path, err := exec.LookPath(p.program)
	if err != nil {
		c.State, c.Detail = p.lacking(), fmt.Sprintf("%s is not in PATH; it is for %s", p.program, p.what)
		return c
	}
	if p.module == "" {
		c.Detail = path
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-c", fmt.Sprintf("import %s; print(%s.__version__)", p.module, p.module)).Output()
	if err == nil {
		c.Detail = "version " + strings.TrimSpace(string(out))
		return c
	}
	c.State, c.Detail = p.lacking(), fmt.Sprintf("%s can't import %s; it is for %s", path, p.module, p.what)
	if p.debian != "" && path != debianPython {
		c.Detail += "; Debian's packages are for " + debianPython + ": put /usr/bin first in PATH, or install it with pip"
	}
	return c
}
