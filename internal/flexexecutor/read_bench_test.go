package flexexecutor

import (
	"strings"
	"testing"
)

func BenchmarkRead(b *testing.B) {
	row := "[" + strings.Repeat("\n                0.40669965744018555,", 27) + "\n 0.25 ],"
	text := `{"(1, 1024, 28)": {"read": [` + strings.Repeat(row, 5000) + ` []]}}`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
