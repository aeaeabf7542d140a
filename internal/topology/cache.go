package topology

import (
	"fmt"
	"strconv"
	"strings"
)

// Cache is one that a CPU works through.
type Cache struct {
	Level  int   // 1 next to the core
	Bytes  int64 // of one instance
	Shared []int // the CPUs that share this instance
}

// Caches returns the data caches of a CPU, those next to the core first, as the
// host whose /sys is under root tells of them
// (Documentation/ABI/testing/sysfs-devices-system-cpu); none where it does not.
func Caches(root string, cpu int) []Cache {
	h := host(root)
	var out []Cache
	for i := range 10 {
		dir := fmt.Sprintf("%s/cpu%d/cache/index%d/", cpuDir, cpu, i)
		level, size := h.number(dir+"level"), cacheSize(h.text(dir+"size"))
		if level < 1 {
			break
		}
		if size > 0 && h.text(dir+"type") != "Instruction" {
			out = append(out, Cache{Level: level, Bytes: size, Shared: h.list(dir + "shared_cpu_list")})
		}
	}
	return out
}

// cacheSize reads "32768K" (drivers/base/cacheinfo.c, size_show), 0 for what is
// none.
func cacheSize(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(s, "K"), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return 0
	}
	return n << 10
}
