package load

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/testutil"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// machine is a topology with CPUs numbered as Linux does on most servers: the
// first threads of all cores, socket by socket, then the second ones.
func machine(sockets, cores, threads int) *topology.Topology {
	t := &topology.Topology{}
	all := sockets * cores
	for id := range all * threads {
		c := topology.CPU{ID: id, Online: true, Socket: id % all / cores, Core: id % cores}
		for k := range threads {
			c.Siblings = append(c.Siblings, id%all+k*all)
		}
		t.CPUs, t.Online = append(t.CPUs, c), append(t.Online, id)
	}
	return t
}

func TestPlacements(t *testing.T) {
	for _, c := range []struct {
		placement Placement
		want      string
	}{
		{PerCore, "0 1 2 3 4 5 6 7"},
		{Spread, "0 2 1 3 4 6 5 7"},
		{Siblings, "0 4 1 5 2 6 3 7"},
		{Packed, "0 1 4 5 2 3 6 7"},
	} {
		m := machine(2, 2, 2)
		got, err := c.placement.CPUs(m, m.Online, 8)
		if text := strings.Trim(fmt.Sprint(got), "[]"); err != nil || text != c.want {
			t.Errorf("%s: %s, %v, want %s", c.placement, text, err, c.want)
		}
	}
	// A core whose first thread is not allowed is taken by its second.
	m := machine(1, 2, 2)
	if got, err := PerCore.CPUs(m, []int{1, 2, 3}, 2); err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("without CPU 0: %v, %v", got, err)
	}
}

func TestPlacementRefuses(t *testing.T) {
	m := machine(1, 2, 1)
	for _, c := range []struct {
		placement Placement
		allowed   []int
		k         int
		want      string
	}{
		{PerCore, m.Online, 3, "2 are online and allowed"},
		{PerCore, m.Online, 0, "0 CPUs"},
		{Spread, nil, 1, "0 are online"},
		{"random", m.Online, 1, `"random"`},
	} {
		if got, err := c.placement.CPUs(m, c.allowed, c.k); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %d of %v: %v, %v", c.placement, c.k, c.allowed, got, err)
		}
	}
}

// TestPlacementProperties holds for every captured machine, whole and with
// CPUs taken away.
func TestPlacementProperties(t *testing.T) {
	machines := map[string]*topology.Topology{"flat": {}}
	for id := range 5 { // nothing is known but the number
		machines["flat"].CPUs = append(machines["flat"].CPUs, topology.CPU{ID: id, Online: id != 3, Socket: -1, Die: -1, Core: -1})
	}
	for _, name := range testutil.Hosts(t) {
		if m, err := topology.Read(testutil.Host(t, name)); err == nil {
			machines[name] = m
		}
	}
	for name, m := range machines {
		for try := range 4 {
			r := newRNG(uint64(len(m.CPUs)), uint64(try))
			var allowed []int
			for _, c := range m.CPUs {
				if try == 0 || r.below(4) > 0 || c.Online && len(allowed) == 0 {
					allowed = append(allowed, c.ID)
				}
			}
			for _, p := range Placements() {
				t.Run(fmt.Sprintf("%s/%s/%d", name, p, try), func(t *testing.T) { checkPlacement(t, p, m, allowed) })
			}
		}
	}
}

func checkPlacement(t *testing.T, p Placement, m *topology.Topology, allowed []int) {
	var usable []int
	for _, c := range m.CPUs {
		if c.Online && slices.Contains(allowed, c.ID) {
			usable = append(usable, c.ID)
		}
	}
	all, err := p.CPUs(m, allowed, len(usable))
	if err != nil {
		t.Fatal(err)
	}
	if sorted := slices.Sorted(slices.Values(all)); !slices.Equal(sorted, usable) {
		t.Fatalf("%v are not the usable %v", sorted, usable)
	}
	count := map[int]int{}  // CPUs of a socket
	cores := map[int]int{}  // cores of a socket
	taken := map[int]bool{} // cores, by coreOf
	for _, id := range usable {
		c, _ := m.CPU(id)
		count[c.Socket]++
		if core := coreOf(c, allowed); !taken[core] {
			taken[core] = true
			cores[c.Socket]++
		}
	}
	for k := 1; k <= len(all); k++ {
		got, err := p.CPUs(m, allowed, k)
		if err != nil || !slices.Equal(got, all[:k]) {
			t.Fatalf("%d CPUs: %v, %v, want the first of %v", k, got, err, all)
		}
		checkFirst(t, p, m, got, allowed, count, cores)
	}
}

// coreOf names a core by its first allowed thread.
func coreOf(c topology.CPU, allowed []int) int {
	for _, id := range c.Siblings {
		if slices.Contains(allowed, id) {
			return id
		}
	}
	return c.ID
}

// checkFirst looks at the sockets and cores of the first CPUs of a placement.
func checkFirst(t *testing.T, p Placement, m *topology.Topology, cpus, allowed []int, count, cores map[int]int) {
	t.Helper()
	perSocket, perCore, coresIn := map[int]int{}, map[int]int{}, map[int]int{}
	for _, id := range cpus {
		c, _ := m.CPU(id)
		perSocket[c.Socket]++
		core := coreOf(c, allowed)
		if perCore[core]++; perCore[core] == 1 {
			coresIn[c.Socket]++
		}
	}
	allCores, partial := 0, 0
	for socket := range count {
		allCores += cores[socket]
		if n := perSocket[socket]; n > 0 && n < count[socket] {
			partial++
		}
	}
	switch p {
	case PerCore, Spread:
		if len(perCore) != min(len(cpus), allCores) {
			t.Errorf("%s: %v are on %d cores of %d", p, cpus, len(perCore), allCores)
		}
	case Siblings, Packed:
		if partial > 1 {
			t.Errorf("%s: %v leave %d sockets in part", p, cpus, partial)
		}
	}
	for a := range count {
		for b := range count {
			// Of two sockets, one is ahead only where the other has no more.
			if p == Spread && len(cpus) <= allCores && coresIn[a] > coresIn[b]+1 && coresIn[b] < cores[b] {
				t.Errorf("%s: %v: %d cores on socket %d, %d on %d", p, cpus, coresIn[a], a, coresIn[b], b)
			}
			if p == PerCore && a < b && coresIn[b] > 0 && coresIn[a] < cores[a] {
				t.Errorf("%s: %v: socket %d before %d is full", p, cpus, b, a)
			}
		}
	}
	if p == Siblings {
		halves := 0
		for core, n := range perCore {
			c, _ := m.CPU(core)
			if n < threadsOf(c, allowed) {
				halves++
			}
		}
		if halves > 1 {
			t.Errorf("%s: %v leave %d cores in part", p, cpus, halves)
		}
	}
	if p == Packed && partial == 1 {
		for s, n := range perSocket {
			if n < count[s] && coresIn[s] != min(n, cores[s]) {
				t.Errorf("%s: %v: %d CPUs of socket %d are on %d cores", p, cpus, n, s, coresIn[s])
			}
		}
	}
}

func threadsOf(c topology.CPU, allowed []int) int {
	n := 0
	for _, id := range c.Siblings {
		if slices.Contains(allowed, id) {
			n++
		}
	}
	return n
}
