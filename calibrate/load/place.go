package load

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/energyprobe/energyprobe/internal/topology"
)

// Placement says which CPUs a load on some of them takes. The CPUs of a smaller
// load are always the first of a larger one's.
type Placement string

// The placements. "First threads" are one of each core; the others come in the
// same order when these are used up.
const (
	// PerCore takes the first threads, one socket after the other.
	PerCore Placement = "per-core"
	// Spread takes the first threads, of each socket in turn.
	Spread Placement = "spread"
	// Siblings takes all threads of a core before the next core, one socket
	// after the other.
	Siblings Placement = "siblings"
	// Packed takes the first threads of a socket, then its others, then the
	// next socket.
	Packed Placement = "packed"
)

// Placements returns all placements.
func Placements() []Placement { return []Placement{PerCore, Spread, Siblings, Packed} }

// CPUs returns k online CPUs of those that are allowed, in the order in which
// the placement takes them. It is an error when there are fewer.
func (p Placement) CPUs(t *topology.Topology, allowed []int, k int) ([]int, error) {
	seats := seatsOf(t, allowed)
	if k < 1 || k > len(seats) {
		return nil, fmt.Errorf("%s: %d CPUs cannot be taken: %d are online and allowed", p, k, len(seats))
	}
	var order func(a, b seat) int
	switch p {
	case PerCore:
		order = func(a, b seat) int {
			return cmp.Or(a.thread-b.thread, a.socket-b.socket, a.core-b.core)
		}
	case Spread:
		order = func(a, b seat) int {
			return cmp.Or(a.thread-b.thread, a.turn-b.turn, a.socket-b.socket)
		}
	case Siblings:
		order = func(a, b seat) int {
			return cmp.Or(a.socket-b.socket, a.core-b.core, a.thread-b.thread)
		}
	case Packed:
		order = func(a, b seat) int {
			return cmp.Or(a.socket-b.socket, a.thread-b.thread, a.core-b.core)
		}
	default:
		return nil, fmt.Errorf("%.32q is no placement; there are %v", string(p), Placements())
	}
	slices.SortFunc(seats, order)
	cpus := make([]int, k)
	for i := range cpus {
		cpus[i] = seats[i].cpu
	}
	return cpus, nil
}

// seat is a CPU's place. Numbers count what is online and allowed.
type seat struct {
	cpu    int
	socket int
	core   int // of the machine, by dies
	thread int // of the core
	turn   int // among those of its socket with the same thread
}

func seatsOf(t *topology.Topology, allowed []int) []seat {
	var cpus []topology.CPU
	for _, c := range t.CPUs {
		if c.Online && slices.Contains(allowed, c.ID) {
			cpus = append(cpus, c)
		}
	}
	// Cores of a die stand together. Within one they go by their lowest CPU.
	slices.SortStableFunc(cpus, func(a, b topology.CPU) int {
		return cmp.Or(a.Socket-b.Socket, a.Die-b.Die)
	})
	cores := map[[3]int]int{}
	threads := map[int]int{}
	turns := map[[2]int]int{}
	seats := make([]seat, 0, len(cpus))
	for _, c := range cpus {
		core, known := cores[coreKey(c)]
		if !known {
			core = len(cores)
			cores[coreKey(c)] = core
		}
		s := seat{cpu: c.ID, socket: c.Socket, core: core, thread: threads[core]}
		threads[core]++
		s.turn = turns[[2]int{s.socket, s.thread}]
		turns[[2]int{s.socket, s.thread}]++
		seats = append(seats, s)
	}
	return seats
}

// coreKey tells cores apart. Sibling lists are the surest, see
// topology.Topology.Cores; where nothing is known a CPU is a core.
func coreKey(c topology.CPU) [3]int {
	switch {
	case len(c.Siblings) > 0:
		return [3]int{-1, -1, c.Siblings[0]}
	case c.Core >= 0:
		return [3]int{c.Socket, c.Die, c.Core}
	}
	return [3]int{-2, -2, c.ID}
}
