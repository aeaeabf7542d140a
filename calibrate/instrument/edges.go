package instrument

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// finder finds the edges of one counter in readings that follow each other
// closely. [energy.Watch] keeps the first and the last of them, which is what a
// window is cut with; here every one counts, and it is judged by its bracket
// when all are known. A rule that judges an interval by its own length, as that
// of Watch does, would be harder on the short ones.
type finder struct {
	seen   bool
	before energy.Bracket // of the last good reading
	counts uint64
}

// next takes a good reading, with the Meter's counts. ok is true of one that
// first shows an edge: the counter was updated within the edge's bracket, and
// changed by so many counts.
func (f *finder) next(at energy.Bracket, counts uint64) (e energy.Edge, change uint64, ok bool) {
	if f.seen && counts != f.counts {
		e, change, ok = energy.Edge{At: energy.Bracket{Before: f.before.Before, After: at.After}, Counts: counts}, counts-f.counts, true
	}
	f.seen, f.before, f.counts = true, at, counts
	return e, change, ok
}

// lose says that the counter could not be read: what happened meanwhile is not
// known.
func (f *finder) lose() { f.seen = false }

func mid(b energy.Bracket) energy.Instant { return b.Before + (b.After-b.Before)/2 }

func width(b energy.Bracket) time.Duration { return b.After.Sub(b.Before) }
