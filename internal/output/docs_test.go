package output

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docFiles are those with examples.
var docFiles = [...]string{"../../docs/output.md", "../../docs/attribution.md", "../../docs/bench.md", "../../docs/calibrate.md", "../../docs/compare.md", "../../docs/cpu.md", "../../docs/history.md", "../../docs/phases.md", "../../docs/workloads.md"}

// An example in a document is a comment that names a golden file, with
// the lines to show, and the block after it.
var example = regexp.MustCompile("(?m)^<!-- golden: (\\S+?)(?: (\\d+)-(\\d+))? -->\n(?:\n(````+)\\w*\n(?s:.*?)\n````+\n)?")

// TestDocsShowRealOutput holds the examples of the documents to the golden
// files.
func TestDocsShowRealOutput(t *testing.T) {
	all, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if doc, err := os.ReadFile(file); err != nil || example.Match(doc) && !slices.Contains(docFiles[:], file) {
			t.Errorf("%s has examples that nothing holds to what the program prints (%v): add it to docFiles", file, err)
		}
	}
	for _, file := range docFiles {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		got := example.ReplaceAllStringFunc(string(doc), func(s string) string {
			n++
			m := example.FindStringSubmatch(s)
			return exampleOf(t, m[1], m[2], m[3])
		})
		switch {
		case n == 0:
			t.Errorf("%s has no examples: has the form of the comments changed?", file)
		case got == string(doc):
		case !*update:
			t.Errorf("%s does not show what the program prints: go test ./internal/output -update", file)
		default:
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func exampleOf(t *testing.T, name, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(goldenDir, name))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n"), "\n")
	head := name
	if from != "" {
		var a, b int
		if _, err := fmt.Sscan(from, &a); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(to, &b); err != nil {
			t.Fatal(err)
		}
		if a < 1 || b > len(lines) || a > b {
			t.Fatalf("%s has %d lines, not %s to %s", name, len(lines), from, to)
		}
		lines, head = lines[a-1:b], name+" "+from+"-"+to
	}
	kind := strings.TrimPrefix(filepath.Ext(name), ".")
	return "<!-- golden: " + head + " -->\n\n````" + kind + "\n" + strings.Join(lines, "\n") + "\n````\n"
}
