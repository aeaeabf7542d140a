// Gen writes docs/metrics.md from the catalogue of metrics.
//
//	go run ./internal/energy/gen           write it
//	go run ./internal/energy/gen -check    fail when it is not up to date
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
)

func main() {
	check := flag.Bool("check", false, "compare with the file instead of writing it")
	file := flag.String("o", "docs/metrics.md", "the `file`, from the top of the module")
	flag.Parse()
	if err := run(*file, *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(file string, check bool) error {
	want := render(energy.Catalogue())
	if !check {
		return os.WriteFile(file, want, 0o644)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s is not what the catalogue says: run go run ./internal/energy/gen", file)
	}
	return nil
}

const head = `<!-- Written by go run ./internal/energy/gen from internal/energy/catalogue.go: edit that. -->
# Metrics

Beside the joules of each domain, every result carries these %d values under
` + "`metrics`" + `, each with value, unit, source, scope and quality. A value that is
not known is ` + "`null`" + `, never 0, and ` + "`reason`" + ` says why: a file that is missing or
may not be read makes every metric that needs it null; further reasons are in
the last column.

Values stand for the whole window, not for its ends:

| word | how the value stands for the window |
|---|---|
| delta | a counter's growth from start to end |
| mean | samples averaged over time by the trapezoid rule |
| max, min | the largest and smallest sample, or the kernel's own mark where it keeps one |
| last | the value at the end |
| ratio, product | of two values that stand for the window themselves |

Units are UCUM: s seconds, J joules, W watts, Hz hertz, By bytes, Cel degrees
Celsius, 1 a plain number.
`

// sections groups the catalogue by the start of names.
var sections = []struct{ title, text, prefixes string }{
	{"Processor time of the process tree", "The command and everything it started, children that ended included.", "cpu."},
	{"Memory, files and processes of the tree", "", "memory. io. processes. threads."},
	{"Energy against work", "The energy is the machine's, or the command's share where it is attributed.", "energy."},
	{"Control group", "With `--cgroup`.", "cgroup."},
	{"Machine: processor", "", "machine.cpu. machine.run machine.load machine.context machine.interrupts machine.forks machine.pressure. machine.idle."},
	{"Machine: memory, disks, network", "", "machine.memory. machine.disk. machine.net."},
	{"Machine: heat", "", "machine.temperature. machine.throttle. machine.thermal"},
}

func render(defs []energy.MetricDef) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, head, len(defs))
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.text != "" {
			fmt.Fprintf(&b, "%s\n\n", s.text)
		}
		b.WriteString("| metric | unit | scope | over the window | meaning | from | null when |\n|---|---|---|---|---|---|---|\n")
		for _, d := range defs {
			if within(d.Name, s.prefixes) {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", d.Name, d.Unit, d.Scope, d.How, cell(d.Help), cell(d.From), cell(d.Null))
			}
		}
	}
	return b.Bytes()
}

func within(name, prefixes string) bool {
	for p := range strings.FieldsSeq(prefixes) {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
