package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

// The tests of this file run inside a guest, where TestLab starts them: they
// give every remedy to a shell, word for word, and ask the doctor again.

// guestProgram is where the program is installed in the guest: on a file
// system that stores capabilities, for everyone to execute.
const guestProgram = "/opt/doctor-test/energyprobe"

func guest(t *testing.T) {
	t.Helper()
	if !lab.InGuest() {
		t.Skip("only in the lab's guest (TestLab starts it)")
	}
	if _, err := os.Stat(guestProgram); err == nil {
		return
	}
	b, err := os.ReadFile(os.Getenv(programVar))
	if err != nil {
		t.Fatal(err)
	}
	put(t, guestProgram, b)
	// There is no sudo, and root needs none.
	put(t, "/run/lab/bin/sudo", []byte("#!/bin/sh\nexec \"$@\"\n"))
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
}

// diagnose runs the installed program's doctor as a user.
func diagnose(t *testing.T, uid uint32) *report.Doctor {
	t.Helper()
	c := exec.Command(guestProgram, "doctor", "--format", "json")
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("doctor: %v: %s", err, stderr.Bytes())
	}
	var d report.Doctor
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatal(err)
	}
	if d.CanMeasure != (err == nil) {
		t.Errorf("can_measure is %v and the exit status says otherwise: %v", d.CanMeasure, err)
	}
	return &d
}

func find(t *testing.T, d *report.Doctor, group, name string) report.Check {
	t.Helper()
	for _, c := range d.Checks {
		if c.Group == group && c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %s %s", group, name)
	return report.Check{}
}

// inShell gives a line to a shell as root.
func inShell(t *testing.T, line string) {
	t.Helper()
	c := exec.Command("sh", "-ec", line)
	c.Dir = "/"
	c.Env = append(os.Environ(), "USER=nobody")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
}

// reset takes back what remedies gave.
func reset(t *testing.T) {
	t.Helper()
	if err := syscall.Removexattr(guestProgram, "security.capability"); err != nil && !errors.Is(err, syscall.ENODATA) {
		t.Fatal(err)
	}
	inShell(t, "sysctl -q kernel.perf_event_paranoid=3")
	devices, _ := filepath.Glob("/dev/cpu/*/msr")
	for _, f := range append(devices, energyFilesOf(t)...) {
		mode := fs.FileMode(0o400)
		if strings.HasPrefix(f, "/dev/") {
			mode = 0o600
		}
		if err := errors.Join(os.Chown(f, 0, 0), os.Chmod(f, mode)); err != nil {
			t.Fatal(err)
		}
	}
}

func energyFilesOf(t *testing.T) []string {
	t.Helper()
	files := newExamination(Options{}, nil).energyFiles()
	if len(files) == 0 {
		t.Fatal("no energy_uj in the guest")
	}
	return files
}

const user = 1000

// TestGuestRemedies applies each remedy of each thing that is refused to a
// user, and wants it to work afterwards.
func TestGuestRemedies(t *testing.T) {
	guest(t)
	reset(t)
	before := diagnose(t, user)
	if before.CanMeasure {
		t.Error("a user without rights can measure")
	}
	// What helps several is applied once, and has to help all of them.
	var remedies []string
	helps := map[string][]report.Check{}
	for _, c := range before.Checks {
		if c.State != report.Forbidden || c.Remedy == "" {
			continue
		}
		for _, r := range append([]string{c.Remedy}, c.Alternatives...) {
			asRoot := strings.HasSuffix(r, asRootSuffix)
			if asRoot && c.Group != groupSources {
				continue
			}
			if helps[r] == nil {
				remedies = append(remedies, r)
			}
			helps[r] = append(helps[r], c)
		}
	}
	for _, r := range remedies {
		t.Run(r, func(t *testing.T) {
			defer reset(t)
			if line, ok := strings.CutSuffix(r, asRootSuffix); ok {
				for _, c := range helps[r] {
					tryAsRoot(t, c, line)
				}
				return
			}
			inShell(t, r)
			after := diagnose(t, user)
			for _, c := range helps[r] {
				if got := find(t, after, c.Group, c.Name); got.State != report.Working || got.Remedy != "" {
					t.Errorf("%s is %s afterwards: %s (%s)", c.Name, got.State, got.Detail, got.Remedy)
				}
			}
		})
	}
	// Two or three ways to each of perf (where it has a PMU), powercap and msr;
	// to counting in the kernel too; to BPF; single capabilities.
	if len(remedies) < 9 {
		t.Errorf("only %d remedies were there to try: %q", len(remedies), remedies)
	}
}

const asRootSuffix = " -- COMMAND"

// tryAsRoot runs a command the way the remedy says, and wants the source to
// have measured it.
func tryAsRoot(t *testing.T, c report.Check, line string) {
	line += " --format json"
	if c.Group == groupSources {
		line += " --source " + c.Name
	}
	sh := exec.Command("sh", "-ec", line+" -- id -un")
	sh.Dir = "/"
	sh.Env = append(os.Environ(), "USER=nobody")
	var stderr bytes.Buffer
	sh.Stderr = &stderr
	out, err := sh.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, stderr.Bytes())
	}
	name, result, _ := strings.Cut(string(out), "\n")
	if name != "nobody" {
		t.Errorf("%s ran the command as %q", line, name)
	}
	var r report.Run
	if err := json.Unmarshal([]byte(result), &r); err != nil {
		t.Fatal(err)
	}
	if c.Group == groupSources && r.Source.Name != c.Name || r.Source.Name == "model" {
		t.Errorf("%s measured through %s", line, r.Source.Name)
	}
}

// TestGuestGrant applies the one line that is said to give everything.
func TestGuestGrant(t *testing.T) {
	guest(t)
	reset(t)
	defer reset(t)
	before := diagnose(t, user)
	inShell(t, before.Grant)
	after := diagnose(t, user)
	if after.Grant != "" {
		t.Errorf("after %q there is still %q", before.Grant, after.Grant)
	}
	for _, c := range before.Checks {
		if c.State != report.Forbidden || c.Remedy == "" {
			continue
		}
		if got := find(t, after, c.Group, c.Name); got.State != report.Working {
			t.Errorf("after %q %s is %s: %s", before.Grant, c.Name, got.State, got.Detail)
		}
	}
	// Nothing in the line is for nothing: without each capability something
	// that was allowed is not.
	_, names, _ := strings.Cut(before.Grant, "sudo setcap ")
	names, _, _ = strings.Cut(names, "+ep ")
	caps := strings.Split(names, ",")
	if len(caps) < 3 {
		t.Fatalf("the line gives %v", caps)
	}
	for i, left := range caps {
		inShell(t, "setcap "+strings.Join(slices.Delete(slices.Clone(caps), i, i+1), ",")+"+ep "+guestProgram)
		if d := diagnose(t, user); d.Grant == "" {
			t.Errorf("%s is in the line and nothing is missing without it", left)
		}
	}
}

// TestGuestModules takes the drivers away and gives the remedies to a shell.
func TestGuestModules(t *testing.T) {
	guest(t)
	reset(t)
	if err := lab.Reload("--without", "msr", "--without", "rapl", "--without", "intel_rapl_common", "--without", "intel_rapl_msr"); err != nil {
		t.Fatal(err)
	}
	before := diagnose(t, 0)
	want := map[string]string{"perf": "sudo modprobe rapl", "powercap": "sudo modprobe intel_rapl_msr", "msr": "sudo modprobe msr"}
	if os.Getenv("LAB_MACHINE") == "epyc-noperf" {
		want["perf"] = "" // its driver would not take this processor
	}
	if before.CanMeasure {
		t.Error("there is no driver and energy can be measured")
	}
	for _, name := range []string{"powercap", "perf", "msr"} {
		// The first driver shows that there are counters; in a virtual machine
		// without any, the others are not worth loading.
		c := find(t, diagnose(t, 0), groupSources, name)
		if c.State != report.Absent || c.Remedy != want[name] {
			t.Errorf("%s is %s, remedy %q, want absent and %q: %s", name, c.State, c.Remedy, want[name], c.Detail)
		}
		if c.Remedy == "" {
			continue
		}
		inShell(t, c.Remedy)
		if c := find(t, diagnose(t, 0), groupSources, name); c.State != report.Working {
			t.Errorf("%s is %s after %q: %s", name, c.State, want[name], c.Detail)
		}
	}
}
