package energy

import (
	"errors"
	"fmt"
)

// The three ways in which a source, a zone or a capability can fail to be
// there. They call for different remedies, so they are never merged.
var (
	ErrAbsent    = errors.New("absent")    // this machine does not have it
	ErrForbidden = errors.New("forbidden") // it is there, but we may not use it
	ErrBroken    = errors.New("broken")    // it is there and answers wrongly
)

// Refusal says why something can't be used and how to change that.
type Refusal struct {
	Name   string // what was tried: "perf", "powercap", "package-1"
	Kind   error  // ErrAbsent, ErrForbidden or ErrBroken
	Reason string // what was seen, with the file or call it was seen on
	Remedy string // the exact minimal thing to do, or "" where there is none
	Err    error  // the cause, if there is one
}

// Error returns "name: kind: reason (remedy)".
func (r *Refusal) Error() string {
	s := fmt.Sprintf("%s: %v: %s", r.Name, r.Kind, r.Reason)
	if r.Remedy != "" {
		s += " (" + r.Remedy + ")"
	}
	return s
}

// Is makes errors.Is(refusal, ErrForbidden) and the like work.
func (r *Refusal) Is(target error) bool { return target == r.Kind }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// KindName returns absent, forbidden or broken.
func (r *Refusal) KindName() string { return r.Kind.Error() }

// Refusals returns every *Refusal in err's tree, in order; an error that is
// none becomes a broken one under name.
func Refusals(name string, err error) []*Refusal {
	if err == nil {
		return nil
	}
	switch e := err.(type) {
	case *Refusal:
		return []*Refusal{e}
	case interface{ Unwrap() []error }:
		var all []*Refusal
		for _, inner := range e.Unwrap() {
			all = append(all, Refusals(name, inner)...)
		}
		return all
	case interface{ Unwrap() error }:
		var r *Refusal
		if errors.As(err, &r) {
			return Refusals(name, e.Unwrap())
		}
	}
	return []*Refusal{{Name: name, Kind: ErrBroken, Reason: err.Error(), Err: err}}
}
