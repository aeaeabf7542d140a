package report

import "math"

// Power is what all packages drew at a point; known is false where one of them
// is not.
func (p *CalibrationPoint) Power() (watts float64, known bool) {
	for _, s := range p.Sockets {
		if s.PowerW == nil || math.IsNaN(*s.PowerW) || math.IsInf(*s.PowerW, 0) {
			return 0, false
		}
		watts += *s.PowerW
	}
	return watts, len(p.Sockets) > 0
}

// Utilisation is the part of all CPU time in which anything ran, of all sockets
// together; known is false where one of them does not say.
func (p *CalibrationPoint) Utilisation() (part float64, known bool) {
	busy, cpus := 0.0, 0
	for _, s := range p.Sockets {
		if s.Busy == nil || math.IsNaN(*s.Busy) {
			return 0, false
		}
		busy, cpus = busy+*s.Busy, cpus+s.CPUs
	}
	if cpus == 0 {
		return 0, false
	}
	return min(busy/float64(cpus), 1), true
}
