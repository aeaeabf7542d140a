package doctor

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

const testExe = "/opt/energyprobe"

// TestCaptured holds the findings on captured hosts against golden files.
func TestCaptured(t *testing.T) {
	for _, c := range []struct {
		host   string
		who    person
		kernel capturedKernel
	}{
		{"intel-1s", aUser, capturedKernel{bpfErr: errDenied}},
		{"intel-2s", theRoot, capturedKernel{granted: true}},
		{"intel-2die", aUser, capturedKernel{bpfErr: errDenied}},
		{"intel-client", aUser, capturedKernel{bpfErr: errDenied}},
		{"intel-mmio", aUser, capturedKernel{bpfErr: errDenied}},
		{"intel-norange", aUser, capturedKernel{bpfErr: errDenied}},
		{"intel-offline", theRoot, capturedKernel{granted: true}},
		{"intel-broken", theRoot, capturedKernel{granted: true}},
		{"intel-unloaded", theRoot, capturedKernel{granted: true}},
		{"intel-zeros", noNewUser, capturedKernel{bpfErr: errDenied}},
		{"amd-epyc", theRoot, capturedKernel{granted: true}},
		{"amd-nopmu", aUser, capturedKernel{bpfErr: errDenied}},
		{"amd-zen-mirror", aUser, capturedKernel{bpfErr: errDenied}},
		{"arm-graviton", aUser, capturedKernel{bpfErr: errDenied}},
		{"container", inUserNS, capturedKernel{bpfErr: errDenied}},
		{"vm-firecracker", theRoot, capturedKernel{noPMU: true}},
		{"vm-zeros", aUser, capturedKernel{noPMU: true, bpfErr: errDenied}},
	} {
		t.Run(c.host, func(t *testing.T) {
			root := host(t, c.host, c.who)
			live(t, root)
			c.kernel.root = root
			d := examine(Options{Root: root, Exe: testExe, Tool: report.Tool{Name: "energyprobe", Version: "test"}}, c.kernel)
			sound(t, d)
			compare(t, c.host, strings.ReplaceAll(lines(d), root, ""))
		})
	}
}

// TestContainerWithHost is the same container as it is meant to be used.
func TestContainerWithHost(t *testing.T) {
	root := host(t, "container", theRoot)
	inner := filepath.Join(root, "host")
	theRoot.enter(t, inner)
	live(t, inner)
	d := examine(Options{Root: inner, Exe: testExe}, capturedKernel{root: inner, granted: true})
	sound(t, d)
	if !d.CanMeasure || d.Best != "perf" {
		t.Errorf("with the host's files the best is %s:\n%s", d.Best, lines(d))
	}
}

// volatile are numbers that depend on when a counter was looked at.
var volatile = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`[\d.e+]+ W (now|in total now)`), "N W $1"},
	{regexp.MustCompile(`new value every [\d.]+ ms`), "new value every N ms"},
	{regexp.MustCompile(`stands still at (\d+) for [\d.]+ ms`), "stands still at $1 for N ms"},
	{regexp.MustCompile(`of user \d+ and group \d+`), "of user N and group N"},
}

// lines is a doctor's report for golden files.
func lines(d *report.Doctor) string {
	var b strings.Builder
	fmt.Fprintf(&b, "can measure: %v\nbest: %s\ngrant: %s\n", d.CanMeasure, d.Best, d.Grant)
	group := ""
	for _, c := range d.Checks {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "\n%s\n", group)
		}
		detail := c.Detail
		for _, v := range volatile {
			detail = v.re.ReplaceAllString(detail, v.to)
		}
		fmt.Fprintf(&b, "%s %s: %s\n", c.State, c.Name, detail)
		for _, r := range append([]string{c.Remedy}, c.Alternatives...) {
			if r != "" {
				fmt.Fprintf(&b, "\t%s\n", r)
			}
		}
	}
	return b.String()
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, go test ./internal/doctor -update\n%s", path, diff)
	}
}

// sound checks what holds for every report.
func sound(t *testing.T, d *report.Doctor) {
	t.Helper()
	groups := []string{groupSources, groupZones, groupCapabilities, groupAttribution, groupHost}
	seen, at := map[string]bool{}, 0
	for _, c := range d.Checks {
		i := slices.Index(groups, c.Group)
		if i < at {
			t.Errorf("%s %s is in no group, or out of order", c.Group, c.Name)
		}
		at = i
		if key := c.Group + "/" + c.Name; seen[key] {
			t.Errorf("%s is there twice", key)
		} else {
			seen[key] = true
		}
		if c.Detail == "" || strings.Contains(c.Detail, "%!") || strings.Contains(c.Detail, "\n") || strings.Contains(c.Detail, "the check itself failed") {
			t.Errorf("%s %s: bad detail %q", c.Group, c.Name, c.Detail)
		}
		if c.Remedy == "" && len(c.Alternatives) > 0 {
			t.Errorf("%s %s has alternatives to no remedy", c.Group, c.Name)
		}
		if c.Group == groupSources && c.State == report.Forbidden && c.Remedy == "" && !strings.Contains(c.Detail, "the right alone would not change that") {
			t.Errorf("source %s is forbidden and there is no remedy: %s", c.Name, c.Detail)
		}
		if c.Group == groupSources && c.Name == d.Best && c.State != report.Working && d.CanMeasure {
			t.Errorf("the best source %s is %s", d.Best, c.State)
		}
	}
	for _, name := range []string{"perf", "powercap", "msr", "model"} {
		if !seen[groupSources+"/"+name] {
			t.Errorf("nothing about source %s", name)
		}
	}
	for _, name := range []string{"ebpf-cycles", "ebpf-time", "cgroup", "proc"} {
		if !seen[groupAttribution+"/"+name] {
			t.Errorf("nothing about attribution by %s", name)
		}
	}
	if d.CanMeasure == (d.Best == "model") {
		t.Errorf("best is %s and can_measure %v", d.Best, d.CanMeasure)
	}
	validate(t, d)
}

// validate holds a report against the published schema.
func validate(t *testing.T, d *report.Doctor) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schema/doctor.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := output.Write(&b, output.JSON, d, output.Options{}); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("not as the schema says: %v", err)
	}
}

// TestEveryHost examines every captured host as several people.
func TestEveryHost(t *testing.T) {
	for _, name := range testutil.Hosts(t) {
		for who, p := range map[string]person{"user": aUser, "root": theRoot, "user namespace": inUserNS, "no new privileges": noNewUser} {
			t.Run(name+" "+who, func(t *testing.T) {
				t.Parallel()
				root := host(t, name, p)
				k := capturedKernel{root: root, granted: who == "root"}
				if p.effective == 0 || p.uidMap != "" {
					k.bpfErr = errDenied
				}
				d := examine(Options{Root: root, Exe: testExe}, k)
				sound(t, d)
				for _, c := range d.Checks {
					for _, r := range append([]string{c.Remedy, d.Grant}, c.Alternatives...) {
						if p.uidMap != "" && strings.HasPrefix(r, "sudo setcap") {
							t.Errorf("%s: %q does nothing in a user namespace", c.Name, r)
						}
						if who == "root" && strings.Contains(r, "setcap") {
							t.Errorf("%s: root needs no %q", c.Name, r)
						}
					}
				}
			})
		}
	}
}

// TestLive examines this machine.
func TestLive(t *testing.T) {
	began := time.Now()
	d := Examine(Options{Tool: report.Tool{Name: "energyprobe", Version: "test"}})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	sound(t, d)
	if d.Host.Kernel == "" || d.Host.CPU.Threads == 0 {
		t.Errorf("host is %+v", d.Host)
	}
	for _, c := range d.Checks {
		if c.State == report.Broken && c.Group != groupSources && c.Group != groupZones {
			t.Errorf("%s %s is broken: %s", c.Group, c.Name, c.Detail)
		}
	}
}

// TestSourceAsked restricts the verdict to one source.
func TestSourceAsked(t *testing.T) {
	root := host(t, "intel-1s", aUser)
	live(t, root)
	for asked, want := range map[string]bool{"": true, "auto": true, "powercap": true, "perf": false, "msr": false, "model": false} {
		d := examine(Options{Root: root, Exe: testExe, Source: asked}, capturedKernel{root: root})
		if d.CanMeasure != want {
			t.Errorf("--source %q: can measure is %v", asked, d.CanMeasure)
		}
	}
}
