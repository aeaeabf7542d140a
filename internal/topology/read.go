package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// host reads small files under a root.
type host string

func (h host) path(name string) string { return filepath.Join("/", string(h), name) }

// text returns a file's content without white space at its ends, "" when it
// can't be read.
func (h host) text(name string) string {
	b, err := os.ReadFile(h.path(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number returns a file's non-negative number, -1 for anything else.
func (h host) number(name string) int { return parseNumber(h.text(name)) }

// list returns a file's CPU list, nil when it can't be read or makes no sense.
func (h host) list(name string) []int {
	cpus, err := ParseCPUList(h.text(name))
	if err != nil {
		return nil
	}
	return cpus
}

const cpuDir = "sys/devices/system/cpu"

// Read reads the topology of the host whose /sys and /proc are under root.
// The error is for when neither tells anything; it is an *energy.Refusal.
func Read(root string) (*Topology, error) {
	h := host(root)
	blocks, infoErr := h.cpuinfo(1)
	t := &Topology{
		Possible: h.list(cpuDir + "/possible"),
		Online:   h.list(cpuDir + "/online"),
		Identity: identify(blocks),
	}
	if !t.Identity.IsX86() || len(t.Online) == 0 {
		// ARM cores may differ within a machine; and without /sys every CPU
		// has to be found in cpuinfo.
		blocks, infoErr = h.cpuinfo(0)
		t.Identity = identify(blocks)
	}
	if len(blocks) == 0 {
		t.Identity, _ = parseModalias(h.text(cpuDir + "/modalias"))
	}
	if len(blocks) == 0 && len(t.Online) == 0 && len(t.Possible) == 0 {
		return nil, refuse(h, infoErr)
	}
	if len(t.Online) > 0 || len(t.Possible) > 0 {
		t.fromSysfs(h)
	} else {
		t.fromCPUInfo(blocks)
	}
	t.SMT = readSMT(h, t)
	t.Freq = readFrequency(h)
	t.Virt = h.virtualization(t.Identity)
	return t, nil
}

func refuse(h host, err error) error {
	if err == nil {
		err = errors.New("no processor in it")
	}
	kind := energy.ErrBroken
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = energy.ErrAbsent
	case errors.Is(err, fs.ErrPermission):
		kind = energy.ErrForbidden
	}
	return &energy.Refusal{
		Name: "topology", Kind: kind, Err: err,
		Reason: fmt.Sprintf("nothing about processors in %s and %s: %v", h.path("proc/cpuinfo"), h.path(cpuDir), err),
		Remedy: "mount the host's /proc and /sys under " + h.path("") + ", or give their place with --host-root",
	}
}

func (h host) cpuinfo(limit int) ([]cpuBlock, error) {
	f, err := os.Open(h.path("proc/cpuinfo"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseCPUInfo(f, limit)
}

func (t *Topology) fromSysfs(h host) {
	if len(t.Online) == 0 {
		// Kernels without CPU hotplug have no online file.
		t.Online = t.Possible
	}
	all := append(slices.Clone(t.Possible), t.Online...)
	slices.Sort(all)
	t.Possible = slices.Compact(all)
	t.CPUs = make([]CPU, len(t.Possible))
	at := make(map[int]int, len(t.Possible))
	for i, id := range t.Possible {
		t.CPUs[i] = CPU{ID: id, Socket: -1, Die: -1, Core: -1}
		at[id] = i
	}
	for _, id := range t.Online {
		t.CPUs[at[id]].Online = true
	}
	for i := range t.CPUs {
		c := &t.CPUs[i]
		if !c.Online || c.Siblings != nil {
			continue
		}
		c.read(h)
		// Siblings share all three numbers: reading a core once halves the
		// work on machines with hundreds of threads.
		for _, id := range c.Siblings {
			if j, ok := at[id]; ok && j != i && t.CPUs[j].Online {
				sibling := *c
				sibling.ID = id
				t.CPUs[j] = sibling
			}
		}
	}
}

func (c *CPU) read(h host) {
	dir := cpuDir + "/cpu" + strconv.Itoa(c.ID) + "/topology/"
	c.Socket = h.number(dir + "physical_package_id")
	c.Die = h.number(dir + "die_id")
	c.Core = h.number(dir + "core_id")
	// core_cpus_list is the name since 5.3, thread_siblings_list before.
	if c.Siblings = h.list(dir + "core_cpus_list"); c.Siblings == nil {
		c.Siblings = h.list(dir + "thread_siblings_list")
	}
	if !slices.Contains(c.Siblings, c.ID) {
		c.Siblings = nil
	}
}

// fromCPUInfo arranges the CPUs by x86's "physical id" and "core id" lines.
// Other architectures have none; their CPUs are counted only.
func (t *Topology) fromCPUInfo(blocks []cpuBlock) {
	type core struct{ socket, core int }
	threads := make(map[core][]int)
	for _, b := range blocks {
		id := b.number("processor")
		if id < 0 || id >= maxCPU {
			continue
		}
		c := CPU{ID: id, Online: true, Socket: -1, Die: -1, Core: -1}
		if b["physical id"] != "" {
			c.Socket, c.Core = b.number("physical id"), b.number("core id")
			k := core{c.Socket, c.Core}
			threads[k] = append(threads[k], id)
		}
		t.CPUs = append(t.CPUs, c)
	}
	slices.SortFunc(t.CPUs, func(a, b CPU) int { return a.ID - b.ID })
	t.CPUs = slices.CompactFunc(t.CPUs, func(a, b CPU) bool { return a.ID == b.ID })
	for i := range t.CPUs {
		c := &t.CPUs[i]
		if c.Socket >= 0 {
			c.Siblings = slices.Compact(slices.Sorted(slices.Values(threads[core{c.Socket, c.Core}])))
		}
		t.Online = append(t.Online, c.ID)
	}
	t.Possible = t.Online
}

func readSMT(h host, t *Topology) SMT {
	s := SMT{Control: h.text(cpuDir + "/smt/control")}
	switch h.text(cpuDir + "/smt/active") {
	case "1":
		s.Active, s.Known = true, true
	case "0":
		s.Known = true
	default:
		for _, c := range t.CPUs {
			s.Known = s.Known || c.Siblings != nil
			s.Active = s.Active || len(c.Siblings) > 1
		}
	}
	return s
}

func readFrequency(h host) Frequency {
	var f Frequency
	policies, _ := filepath.Glob(h.path(cpuDir + "/cpufreq/policy*"))
	if len(policies) == 0 { // before 4.2 each CPU had its own
		policies, _ = filepath.Glob(h.path(cpuDir + "/cpu[0-9]*/cpufreq"))
	}
	for _, p := range policies {
		f.Drivers = append(f.Drivers, fileText(p+"/scaling_driver")...)
		f.Governors = append(f.Governors, fileText(p+"/scaling_governor")...)
	}
	f.Drivers = slices.Compact(slices.Sorted(slices.Values(f.Drivers)))
	f.Governors = slices.Compact(slices.Sorted(slices.Values(f.Governors)))
	return f
}

// fileText returns a file's text as a list of one, or of none when it is
// empty or can't be read.
func fileText(path string) []string {
	b, err := os.ReadFile(path)
	if s := strings.TrimSpace(string(b)); err == nil && s != "" && s != "<unknown>" {
		return []string{s}
	}
	return nil
}
