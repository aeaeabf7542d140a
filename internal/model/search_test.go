package model

import (
	"slices"
	"strings"
	"testing"
)

func hits(text string) []string {
	var all []string
	for _, h := range Embedded().Search(text) {
		all = append(all, string(h.Likeness)+" "+h.CPU.Name)
	}
	return all
}

func TestSearch(t *testing.T) {
	for text, want := range map[string][]string{
		"epyc 7763":        {"name EPYC 7763"},
		"AMD EPYC 7763":    {"name EPYC 7763"},
		"7763":             {"words EPYC 7763"},
		"8375C":            {"alias Xeon Platinum 8375C"},
		"xeon 8375c":       {"words Xeon Platinum 8375C"},
		"E5-2686v4":        {"words Xeon E5-2686 v4"},
		"EPYC 7551":        {"name EPYC 7551", "other EPYC 7551P"},
		"7551p":            {"words EPYC 7551P"},
		"intel epyc":       nil,
		"epyc 7764":        nil,
		"":                 nil,
		"cpu":              nil,
		"xeon epyc":        nil,
		"Graviton3":        {"name Graviton3"},
		"aws graviton3":    {"alias Graviton3"},
		"azure cobalt 100": {"alias Cobalt 100"},
		"Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz": {"name Xeon Platinum 8275CL"},
	} {
		if got := hits(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A suffix makes another part: it is listed, marked, and never taken for the
// one asked for.
func TestSearchMarksSuffixes(t *testing.T) {
	for _, text := range []string{"8275", "8375", "xeon platinum 8259", "EPYC 7R1"} {
		all := Embedded().Search(text)
		if len(all) == 0 {
			t.Errorf("%s: nothing listed", text)
		}
		for _, h := range all {
			if h.Likeness != OtherPart {
				t.Errorf("%s: %s is taken for it (%s)", text, h.CPU.Name, h.Likeness)
			}
		}
	}
	for _, h := range Embedded().Search("graviton") {
		if h.Likeness == OtherPart {
			t.Errorf("graviton: %s is %s: a word without a number names no part", h.CPU.Name, h.Likeness)
		}
	}
}

// What is an identification in a search is one on a host, and no more.
func TestSearchAgreesWithLookup(t *testing.T) {
	for _, c := range Embedded().CPUs() {
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			all := Embedded().Search(name)
			if len(all) == 0 || all[0].CPU.ID != c.ID || all[0].Likeness != SameName && all[0].Likeness != SameAlias {
				t.Errorf("%s is not the first found: %q", name, hits(name))
				continue
			}
			for _, h := range all[1:] {
				if h.Likeness == SameName || h.Likeness == SameAlias {
					t.Errorf("%s means %s too", name, h.CPU.Name)
				}
			}
		}
	}
}

func TestNear(t *testing.T) {
	for text, want := range map[string]string{
		"epyc 7764": "EPYC 7763", "8275CM": "Xeon Platinum 8275CL", "gravitron3": "Graviton3",
		"xeon platnum 8375c": "Xeon Platinum 8375C", "ryzen 9 7950": "Ryzen 9 7950X",
	} {
		if got := Embedded().Near(text, 4); !slices.Contains(got, want) || len(got) > 4 {
			t.Errorf("%q: %q, want %s among 4", text, got, want)
		}
	}
	for _, text := range []string{"", "zzz", "cpu", strings.Repeat("x", 300)} {
		if got := Embedded().Near(text, 4); len(got) > 0 {
			t.Errorf("%q: %q is not near", text, got)
		}
	}
}

func TestNextWords(t *testing.T) {
	next := func(prefix string, given ...string) []string { return Embedded().NextWords(given, prefix) }
	if got := next("gravi"); !slices.Equal(got, []string{"graviton2", "graviton3", "graviton4"}) && !slices.Contains(got, "graviton3") {
		t.Errorf("gravi: %q", got)
	}
	if got := next("EP"); !slices.Equal(got, []string{"EPyc"}) {
		t.Errorf("EP: %q, want what the shell can go on from", got)
	}
	if got := next("776", "epyc"); !slices.Equal(got, []string{"7763"}) {
		t.Errorf("epyc 776: %q", got)
	}
	if got := next("", "graviton3"); len(got) > 0 {
		t.Errorf("graviton3: %q", got)
	}
}

func FuzzSearch(f *testing.F) {
	f.Add("epyc 7763")
	f.Add("Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz")
	f.Add("8275")
	f.Fuzz(func(t *testing.T, text string) {
		for i, h := range Embedded().Search(text) {
			if sure := h.Likeness == SameName || h.Likeness == SameAlias; sure && i > 0 {
				t.Errorf("%q means two parts", text)
			} else if found, ok := Embedded().Lookup(text); sure && (!ok || found.ID != h.CPU.ID) {
				t.Errorf("%q is %s in a search only", text, h.CPU.Name)
			}
		}
		if len(Embedded().Near(text, 3)) > 3 {
			t.Errorf("%q: too many suggestions", text)
		}
	})
}

func TestTried(t *testing.T) {
	guest := Identity{ModelName: "AMD EPYC", Vendor: "AuthenticAMD", Family: 25, Model: 17, Stepping: 1, Threads: 2, Cores: 2, Sockets: 1, Virtual: true}
	xeon := Identity{ModelName: "Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, Threads: 80, Cores: 40, Sockets: 2}
	for name, tc := range map[string]struct {
		id    Identity
		given Given
		want  string // outcomes, in the order of the steps
	}{
		"guest":             {guest, Given{}, "nothing nothing nothing nothing nothing used found"},
		"the user knows":    {guest, Given{UserW: 300}, "used nothing nothing nothing nothing found found"},
		"named":             {xeon, Given{}, "nothing nothing nothing used nothing found found"},
		"hardware":          {xeon, Given{HardwareW: 150}, "nothing nothing used found nothing found found"},
		"both":              {xeon, Given{UserW: 100, HardwareW: 150}, "used nothing found found nothing found found"},
		"unbelievable":      {xeon, Given{HardwareW: 4e6}, "nothing nothing nothing used nothing found found"},
		"alias":             {Identity{ModelName: "AWS Graviton3"}, Given{}, "nothing nothing nothing nothing used nothing found"},
		"nothing at all":    {Identity{}, Given{}, "nothing nothing nothing nothing nothing nothing used"},
		"Arm, by its parts": {Identity{ModelName: "Neoverse-V1", Vendor: "ARM", Model: 0xd40, Virtual: true}, Given{}, "nothing nothing nothing nothing nothing used found"},
	} {
		m := identify(t, tc.id, tc.given)
		var outcomes []string
		for _, try := range Embedded().Tried(tc.id, tc.given, m) {
			outcomes = append(outcomes, string(try.Outcome))
			if try.Detail == "" {
				t.Errorf("%s: %s says nothing", name, try.Step)
			}
			if has := try.TDP != (Range{}); has != (try.Outcome != Nothing) {
				t.Errorf("%s: %s is %s with %v", name, try.Step, try.Outcome, try.TDP)
			}
			if try.Outcome == Used && try.TDP != m.TDP {
				t.Errorf("%s: %s gave %v, and %v is used", name, try.Step, try.TDP, m.TDP)
			}
		}
		if got := strings.Join(outcomes, " "); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestShare(t *testing.T) {
	guest := Identity{ModelName: "AMD EPYC", Vendor: "AuthenticAMD", Family: 25, Model: 17, Stepping: 1, Threads: 2, Sockets: 1, Virtual: true}
	s := identify(t, guest, Given{}).Share(2)
	if s.Low != 2.0/192 || s.High > 2.0/80 || !(s.Low < s.Nominal && s.Nominal < s.High) {
		t.Errorf("2 vCPUs are %v of a socket", s)
	}
}
