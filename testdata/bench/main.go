// Command bench measures what measuring costs, on this machine, with a made-up
// powercap tree that ticks a thousand times a second: the cost and punctuality
// of samples, and how long `run -- true` takes beside `perf stat true`.
//
//	go run ./testdata/bench ./energyprobe
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// zones are the five domains of the tree: two packages with memory, and the
// cores of one. Powers are in watts.
var zones = []struct {
	dir, name string
	watts     float64
}{
	{"intel-rapl:0", "package-0", 100},
	{"intel-rapl:0/intel-rapl:0:0", "core", 60},
	{"intel-rapl:0/intel-rapl:0:1", "dram", 10},
	{"intel-rapl:1", "package-1", 80},
	{"intel-rapl:1/intel-rapl:1:0", "dram", 8},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run ./testdata/bench ENERGYPROBE")
	}
	probe, err := filepath.Abs(os.Args[1])
	check(err)
	root, err := os.MkdirTemp("/dev/shm", "bench")
	check(err)
	defer os.RemoveAll(root)
	counters := makeHost(root)
	go tick(counters)

	for range 3 {
		samples(probe, root)
	}
	pair("run -- true, no counter", []string{probe, "run", "-q", "--", "true"}, []string{"perf", "stat", "true"})
	pair("run -- true, powercap", []string{probe, "run", "-q", "--host-root", root, "--", "true"}, []string{"perf", "stat", "true"})
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// makeHost lays out a host root: the running one's files and the tree.
func makeHost(root string) []*os.File {
	check(os.Symlink("/proc", filepath.Join(root, "proc")))
	check(os.Symlink("/dev", filepath.Join(root, "dev")))
	sys := filepath.Join(root, "sys")
	check(os.MkdirAll(filepath.Join(sys, "class/powercap"), 0o755))
	check(os.MkdirAll(filepath.Join(sys, "devices/virtual/powercap/intel-rapl"), 0o755))
	check(os.Symlink("/sys/devices/system", filepath.Join(sys, "devices/system")))
	check(os.Symlink("/sys/fs", filepath.Join(sys, "fs")))
	const target = "../../devices/virtual/powercap/intel-rapl"
	check(os.Symlink(target, filepath.Join(sys, "class/powercap/intel-rapl")))
	var counters []*os.File
	for _, z := range zones {
		dir := filepath.Join(sys, "devices/virtual/powercap/intel-rapl", z.dir)
		check(os.MkdirAll(dir, 0o755))
		check(os.WriteFile(filepath.Join(dir, "name"), []byte(z.name+"\n"), 0o444))
		check(os.WriteFile(filepath.Join(dir, "max_energy_range_uj"), []byte("262143328850\n"), 0o444))
		check(os.Symlink(filepath.Join(target, z.dir), filepath.Join(sys, "class/powercap", filepath.Base(z.dir))))
		f, err := os.OpenFile(filepath.Join(dir, "energy_uj"), os.O_RDWR|os.O_CREATE, 0o444)
		check(err)
		counters = append(counters, f)
	}
	return counters
}

func tick(counters []*os.File) {
	began := time.Now()
	var b []byte
	for {
		dt := time.Since(began).Seconds()
		for i, f := range counters {
			b = strconv.AppendUint(b[:0], 1e9+uint64(dt*zones[i].watts*1e6), 10)
			if _, err := f.WriteAt(append(b, '\n'), 0); err != nil {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// samples runs a series at 1 kHz over five seconds.
func samples(probe, root string) {
	out, err := exec.Command(probe, "run", "-q", "--host-root", root, "--interval", "1ms", "--format", "json", "--", "sleep", "5").Output()
	check(err)
	var r struct {
		DurationS float64 `json:"duration_s"`
		Overhead  struct {
			WindowCPUS   float64 `json:"window_cpu_s"`
			Samples      int     `json:"samples"`
			Missed       int     `json:"missed"`
			LatenessP99S float64 `json:"lateness_p99_s"`
		} `json:"overhead"`
	}
	check(json.Unmarshal(out, &r))
	o := r.Overhead
	fmt.Printf("--interval 1ms: %.1f samples/s, %d missed, p99 lateness %.0f us, %.1f us of CPU a sample\n",
		float64(o.Samples)/r.DurationS, o.Missed, 1e6*o.LatenessP99S, 1e6*o.WindowCPUS/float64(o.Samples))
}

// pair times two commands in turn and prints medians.
func pair(what string, a, b []string) {
	if _, err := exec.LookPath(b[0]); err != nil {
		fmt.Printf("%s: no %s to compare with\n", what, b[0])
		return
	}
	const runs = 41
	var as, bs []time.Duration
	var rss int64
	for range runs {
		d, kib := run(a)
		as, rss = append(as, d), max(rss, kib)
		d, _ = run(b)
		bs = append(bs, d)
	}
	slices.Sort(as)
	slices.Sort(bs)
	fmt.Printf("%s: %.1f ms (least %.1f), %d MiB resident; %s: %.1f ms (least %.1f)\n",
		what, ms(as[runs/2]), ms(as[0]), rss>>10, b[0], ms(bs[runs/2]), ms(bs[0]))
}

func run(argv []string) (time.Duration, int64) {
	c := exec.Command(argv[0], argv[1:]...)
	began := time.Now()
	check(c.Run())
	return time.Since(began), maxRSS(c)
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }
