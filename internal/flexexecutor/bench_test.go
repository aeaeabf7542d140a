package flexexecutor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/flexexecutor"
)

// bigProfile is a profile of n repetitions of 28 workers, all metrics in it.
func bigProfile(n int) string {
	var b strings.Builder
	b.WriteString("{\n    \"(1, 1024, 28)\": {")
	for i, m := range flexexecutor.Metrics() {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n        %q: [", m.Name)
		for r := range n {
			if r > 0 {
				b.WriteByte(',')
			}
			b.WriteString("\n            [")
			for w := range 28 {
				if w > 0 {
					b.WriteByte(',')
				}
				b.WriteString("\n                ")
				switch {
				case m.Kind == flexexecutor.Label:
					b.WriteString(`"type:lambda-function|arch:x86_64|lambda:True|mem:1024"`)
				case m.Whole:
					b.WriteString("2")
				default:
					b.WriteString(strconv.FormatFloat(1+float64((r*28+w)%9973)/7919, 'g', -1, 64))
				}
			}
			b.WriteString("\n            ]")
		}
		b.WriteString("\n        ]")
	}
	b.WriteString("\n    }\n}")
	return b.String()
}

func BenchmarkImport(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "titanic_aws_1024Mb_x86")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		b.Fatal(err)
	}
	text := bigProfile(1000)
	if err := os.WriteFile(filepath.Join(dir, "stage.json"), []byte(text), 0o666); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := flexexecutor.Import([]string{dir}, flexexecutor.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
