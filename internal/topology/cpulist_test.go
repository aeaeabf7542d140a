package topology

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

func TestParseCPUList(t *testing.T) {
	for text, want := range map[string][]int{
		"":                nil,
		"\n":              nil,
		"0":               {0},
		"0-3,8,10-11\n":   {0, 1, 2, 3, 8, 10, 11},
		"5,3,4-5":         {3, 4, 5},
		"65535":           {65535},
		"0,0,0-0":         {0},
		"00-02":           {0, 1, 2},
		" 1-2 \n":         {1, 2},
		"127-128,255-255": {127, 128, 255},
	} {
		if got, err := ParseCPUList(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("ParseCPUList(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		",", "0,", ",0", "-", "-1", "0-", "3-1", "a", "0-b", "0-1-2", "0x1", "1.5", "+1", "1 2", "0\n1",
		"65536", "4294967295", "0-4294967295", "0-65536", "99999999999999999999", "0-15:2/4", "\x00", "١",
		strings.Repeat("0-65535,", 3) + "0",
	} {
		if got, err := ParseCPUList(text); err == nil {
			t.Errorf("ParseCPUList(%q) = %v, want an error", text, got)
		}
	}
}

// FuzzParseCPUList: what is accepted ascends, holds nothing twice, and comes
// back from its own text.
func FuzzParseCPUList(f *testing.F) {
	for _, s := range []string{"", "0", "0-3,8,10-11", "3-1", "0-4294967295", "1,,2", "65535,0", "7-9,8-12"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cpus, err := ParseCPUList(s)
		if err != nil {
			return
		}
		for i, c := range cpus {
			if c < 0 || c >= maxCPU || i > 0 && c <= cpus[i-1] {
				t.Fatalf("%q became %v", s, cpus)
			}
		}
		if again, err := ParseCPUList(FormatCPUList(cpus)); err != nil || !slices.Equal(again, cpus) {
			t.Errorf("%v became %q became %v, %v", cpus, FormatCPUList(cpus), again, err)
		}
	})
}

func ExampleParseCPUList() {
	cpus, err := ParseCPUList("0-3,8,10-11")
	fmt.Println(cpus, err)
	// Output: [0 1 2 3 8 10 11] <nil>
}
