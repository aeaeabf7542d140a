package energy_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	. "github.com/energyprobe/energyprobe/internal/energy"
)

func TestRefusal(t *testing.T) {
	r := &Refusal{Name: "perf", Kind: ErrForbidden, Reason: "perf_event_open: EACCES", Remedy: "setcap x", Err: fs.ErrPermission}
	if got := r.Error(); got != "perf: forbidden: perf_event_open: EACCES (setcap x)" {
		t.Errorf("%q", got)
	}
	if r.KindName() != "forbidden" || !errors.Is(r, ErrForbidden) || errors.Is(r, ErrAbsent) || !errors.Is(r, fs.ErrPermission) {
		t.Errorf("%#v is not what it is", r)
	}
	r.Remedy = ""
	if got := r.Error(); got != "perf: forbidden: perf_event_open: EACCES" {
		t.Errorf("%q", got)
	}
}

// Refusals finds every refusal in whatever way errors were put together, in
// order, and calls everything else broken.
func TestRefusals(t *testing.T) {
	a := &Refusal{Name: "a", Kind: ErrAbsent}
	b := &Refusal{Name: "b", Kind: ErrForbidden}
	c := &Refusal{Name: "c", Kind: ErrBroken}
	plain := errors.New("plain")
	for _, tc := range []struct {
		name string
		err  error
		want []string
	}{
		{"nil", nil, nil},
		{"one", a, []string{"a absent"}},
		{"wrapped", fmt.Errorf("open: %w", b), []string{"b forbidden"}},
		{"joined", errors.Join(a, nil, b), []string{"a absent", "b forbidden"}},
		{"joined twice", errors.Join(errors.Join(a, b), c), []string{"a absent", "b forbidden", "c broken"}},
		{"joined inside a wrapping", fmt.Errorf("source x: %w", errors.Join(a, b)), []string{"a absent", "b forbidden"}},
		{"two in one message", fmt.Errorf("%w and %w", a, b), []string{"a absent", "b forbidden"}},
		{"one that has a refusal for its cause", &Refusal{Name: "d", Kind: ErrBroken, Err: a}, []string{"d broken"}},
		{"plain", plain, []string{"name broken"}},
		{"plain among them", errors.Join(a, plain), []string{"a absent", "name broken"}},
	} {
		var got []string
		for _, r := range Refusals("name", tc.err) {
			got = append(got, r.Name+" "+r.KindName())
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	if r := Refusals("name", plain)[0]; !errors.Is(r, plain) || r.Reason != "plain" {
		t.Errorf("%+v lost its cause", r)
	}
}

func TestUnknownMetricNamePanics(t *testing.T) {
	for name, f := range map[string]func(){
		"known":   func() { KnownMetric("cpu.tiem", 1, "x") },
		"unknown": func() { UnknownMetric("", "x", "y") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a name that is not in the catalogue passed", name)
				}
			}()
			f()
		}()
	}
}
