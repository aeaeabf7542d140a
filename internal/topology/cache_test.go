package topology

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestCaches(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"index0/level": "1\n", "index0/type": "Data\n", "index0/size": "48K\n", "index0/shared_cpu_list": "2,10\n",
		"index1/level": "1\n", "index1/type": "Instruction\n", "index1/size": "32K\n", "index1/shared_cpu_list": "2,10\n",
		"index2/level": "2\n", "index2/type": "Unified\n", "index2/size": "2048K\n", "index2/shared_cpu_list": "2,10\n",
		"index3/level": "3\n", "index3/type": "Unified\n", "index3/size": "36864K\n", "index3/shared_cpu_list": "0-15\n",
	} {
		testutil.Write(t, root, filepath.Join("sys/devices/system/cpu/cpu2/cache", name), content)
	}
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	want := []Cache{{1, 48 << 10, []int{2, 10}}, {2, 2 << 20, []int{2, 10}}, {3, 36 << 20, all}}
	if got := Caches(root, 2); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := Caches(root, 0); got != nil {
		t.Errorf("%v of a CPU that tells nothing", got)
	}
	for text, want := range map[string]int64{"": 0, "K": 0, "-4K": 0, "64K": 64 << 10, "9999999999999K": 0, "1M": 0} {
		if got := cacheSize(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
