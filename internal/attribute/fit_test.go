package attribute

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Rows never do more than their party, keep their proportions, and are let be
// where they do less.
func TestFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		u := energy.Usage{Packages: make([]energy.PackageUsage, 2)}
		for pid := range 20 {
			p := energy.Process{PID: pid, Party: energy.Party(rng.IntN(int(energy.Parties)))}
			for range u.Packages {
				p.Accounts = append(p.Accounts, energy.Account{CPU: time.Duration(rng.IntN(1e6)), Cycles: rng.Uint64N(1e6), Instructions: rng.Uint64N(1e6)})
			}
			u.Processes = append(u.Processes, p)
			u.Threads = append(u.Threads, energy.Thread{TID: pid, PID: pid, Accounts: append([]energy.Account(nil), p.Accounts...)})
		}
		before := sums(u)
		part := 0.5 + rng.Float64() // of what the rows have
		for k := range u.Packages {
			for who := range u.Packages[k].Parties {
				s := before[k][who]
				u.Packages[k].Parties[who] = energy.Account{CPU: time.Duration(part * float64(s.CPU)), Cycles: uint64(part * float64(s.Cycles)), Instructions: uint64(part * float64(s.Instructions))}
			}
		}
		Fit(&u)
		after := sums(u)
		for k := range u.Packages {
			for who, want := range u.Packages[k].Parties {
				if part > 1 {
					want = before[k][who]
				}
				got := after[k][who]
				if got.CPU > want.CPU || got.Cycles > want.Cycles || got.Instructions > want.Instructions ||
					got.CPU < want.CPU-20 || got.Cycles+20 < want.Cycles {
					t.Fatalf("party %d: %v and %d cycles, want %v and %d (%.2f of before)", who, got.CPU, got.Cycles, want.CPU, want.Cycles, part)
				}
			}
		}
		for i, p := range u.Processes {
			if p.Accounts[0].CPU != u.Threads[i].Accounts[0].CPU {
				t.Fatalf("a thread has %v, its process %v", u.Threads[i].Accounts[0].CPU, p.Accounts[0].CPU)
			}
		}
	}
}

func sums(u energy.Usage) [2][energy.Parties]energy.Account {
	var out [2][energy.Parties]energy.Account
	for _, p := range u.Processes {
		for k := range p.Accounts {
			out[k][p.Party].Add(p.Accounts[k])
		}
	}
	return out
}
