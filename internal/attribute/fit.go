package attribute

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Fit scales what processes and threads ran down to what their parties ran, by
// package: rows are read a little before a window opens and a little after it
// closes, the parties at its edges. Joules are fitted where they are ranked. It
// changes the accounts in place.
func Fit(u *energy.Usage) {
	parties := map[int]energy.Party{}
	for k := range u.Packages {
		var rows [energy.Parties]energy.Account
		for _, p := range u.Processes {
			if k < len(p.Accounts) && p.Party < energy.Parties {
				rows[p.Party].Add(p.Accounts[k])
			}
			parties[p.PID] = p.Party
		}
		for i := range u.Processes {
			if p := &u.Processes[i]; k < len(p.Accounts) && p.Party < energy.Parties {
				fitAccount(&p.Accounts[k], &u.Packages[k].Parties[p.Party], &rows[p.Party])
			}
		}
		for i := range u.Threads {
			t := &u.Threads[i]
			if who, known := parties[t.PID]; known && k < len(t.Accounts) && who < energy.Parties {
				fitAccount(&t.Accounts[k], &u.Packages[k].Parties[who], &rows[who])
			}
		}
	}
}

// fitAccount scales a row by party/all, where that is below 1.
func fitAccount(a, party, all *energy.Account) {
	if party.CPU < all.CPU {
		a.CPU = time.Duration(float64(a.CPU) * float64(party.CPU) / float64(all.CPU))
	}
	if party.Cycles < all.Cycles {
		a.Cycles = uint64(float64(a.Cycles) * float64(party.Cycles) / float64(all.Cycles))
	}
	if party.Instructions < all.Instructions {
		a.Instructions = uint64(float64(a.Instructions) * float64(party.Instructions) / float64(all.Instructions))
	}
}
