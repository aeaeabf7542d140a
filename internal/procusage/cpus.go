package procusage

import (
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// unknown is the joules of a package whose counters were not read.
var unknown = func() (j [energy.NumDomains]float64) {
	for d := range j {
		j[d] = math.NaN()
	}
	return j
}()

// cpuTime is what a CPU did since boot, in ticks.
type cpuTime struct{ busy, irq uint64 }

// parseCPU parses a line "cpuN USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ ..." of
// /proc/stat (fs/proc/stat.c, show_stat). Guest time is in user and nice.
func parseCPU(line []byte) (cpu int, v cpuTime, ok bool) {
	if len(line) < 4 || string(line[:3]) != "cpu" || line[3] == ' ' {
		return 0, v, false
	}
	id, rest, ok := procfile.Uint(line[3:])
	if !ok || id > 1<<20 {
		return 0, v, false
	}
	var column [7]uint64
	for i := range column {
		if column[i], rest, ok = procfile.Uint(rest); !ok || column[i] > 1<<38 {
			return 0, v, false
		}
	}
	v.irq = column[5] + column[6]
	v.busy = column[0] + column[1] + column[2] + v.irq
	return int(id), v, true
}

// cpus is the time of CPUs, by package.
type cpus struct {
	file      procfile.File
	last      map[int]cpuTime
	placeOf   map[int]int
	busy, irq []int64 // ns by package since the baseline
	previous  []int64 // busy when shares were taken last
	part      []float64
}

func newCPUs(places []energy.Place) cpus {
	n := len(places)
	c := cpus{
		last: map[int]cpuTime{}, placeOf: map[int]int{}, busy: make([]int64, n), irq: make([]int64, n),
		previous: make([]int64, n), part: make([]float64, n),
	}
	for k, p := range places {
		for _, cpu := range p.CPUs {
			c.placeOf[cpu] = k
		}
	}
	return c
}

func (c *cpus) open(root string, buf *[]byte) error {
	c.file = procfile.Keep(root + "/proc/stat")
	err := c.read(buf)
	if err == nil && len(c.last) == 0 {
		err = procfile.ErrNoLine
	}
	if err != nil {
		return procfile.Refuse("proc", c.file.Path, err, "mount -t proc proc "+root+"/proc")
	}
	return nil
}

// read adds what CPUs did since they were seen last. One that comes online
// begins then; one whose counters go back has been offline or is broken, and
// begins again.
func (c *cpus) read(buf *[]byte) error {
	b, err := c.file.ReadAll(buf)
	if err != nil {
		return err
	}
	for len(b) > 0 {
		var line []byte
		line, b = procfile.Line(b)
		cpu, now, ok := parseCPU(line)
		if !ok {
			continue
		}
		was, known := c.last[cpu]
		c.last[cpu] = now
		k := c.placeOf[cpu]
		if known && now.busy >= was.busy && now.irq >= was.irq {
			c.busy[k] += int64(now.busy-was.busy) * procfile.NSPerTick
			c.irq[k] += int64(now.irq-was.irq) * procfile.NSPerTick
		}
	}
	return nil
}

// since returns what package k's CPUs did since the baseline, in ns.
func (c *cpus) since(k int) (busy, irq int64) { return c.busy[k], c.irq[k] }

// place returns the package of a CPU; the first for one that is on none.
func (c *cpus) place(cpu int) int { return c.placeOf[cpu] }

// shares returns each package's part of the time CPUs were busy since the
// last call, all the first's where none was. The slice is used again.
func (c *cpus) shares() []float64 {
	var sum int64
	for k, busy := range c.busy {
		sum += busy - c.previous[k]
	}
	clear(c.part)
	if sum == 0 {
		c.part[0] = 1
		return c.part
	}
	for k, busy := range c.busy {
		c.part[k] = float64(busy-c.previous[k]) / float64(sum)
		c.previous[k] = busy
	}
	return c.part
}
