package session

import (
	"os"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// PhaseVar is the variable of a command's environment that holds the number of
// the descriptor on which it marks phases.
const PhaseVar = "ENERGYPROBE_FD"

// phaseIntakes are the pipes from a command: the one on which it marks phases
// and, with a pattern, its outputs.
type phaseIntakes struct {
	marks    *intake
	out, err *intake // nil where the command writes to our own outputs
	parser   markParser
}

// openPhases makes them. The marks' pipe is always there: it costs a thread
// that sleeps.
func (s *session) openPhases() (p *phaseIntakes, err error) {
	l := &phaseLog{}
	s.phases = l
	p = &phaseIntakes{}
	defer func() {
		if err != nil {
			p.end()
		}
	}()
	var marks []mark
	p.marks, err = newIntake(s.Command.Credential, func(piece []byte, at energy.Instant) bool {
		marks = p.parser.parse(piece, marks[:0])
		l.take(at, marks)
		return true
	})
	if err != nil || s.Command.PhasePattern == nil {
		return p, err
	}
	if p.out, err = newIntake(s.Command.Credential, l.passOn(s.Command.PhasePattern, int(orOwn(s.Command.Stdout, os.Stdout).Fd()))); err != nil {
		return p, err
	}
	p.err, err = newIntake(s.Command.Credential, l.passOn(s.Command.PhasePattern, int(orOwn(s.Command.Stderr, os.Stderr).Fd())))
	return p, err
}

func (p *phaseIntakes) all() []*intake {
	var all []*intake
	for _, in := range []*intake{p.marks, p.out, p.err} {
		if in != nil {
			all = append(all, in)
		}
	}
	return all
}

// stdout and stderr are where the command writes to, by its own wish where
// nobody listens.
func (p *phaseIntakes) stdout(c *Command) uintptr {
	if p.out == nil {
		return orOwn(c.Stdout, os.Stdout).Fd()
	}
	return uintptr(p.out.write)
}

func (p *phaseIntakes) stderr(c *Command) uintptr {
	if p.err == nil {
		return orOwn(c.Stderr, os.Stderr).Fd()
	}
	return uintptr(p.err.write)
}

// started says that the command has its ends of the pipes.
func (p *phaseIntakes) started() {
	for _, in := range p.all() {
		in.started()
	}
}

// run starts reading, each pipe on a thread of its own.
func (p *phaseIntakes) run() {
	for _, in := range p.all() {
		in.run()
	}
}

// end ends reading. It is safe twice.
func (p *phaseIntakes) end() {
	for _, in := range p.all() {
		in.end()
	}
}
