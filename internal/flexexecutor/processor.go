package flexexecutor

import (
	"fmt"
	"strings"

	"github.com/energyprobe/energyprobe/internal/model"
)

// lambdaParts are the processors that AWS Lambda is known to run on, by the
// masked brand string that it shows. Family, model and stepping are not masked
// there, but a profile does not have them: of people who looked, 85/7 is the
// 8259CL and 85/4 the 8175M, both at 2.50 GHz; 106 the 8375C at 2.90 GHz; at
// 3.00 GHz the 8275CL and 8124M; AMD's 25/1 and 25/17 the 7R13 and 9R14. Arm
// functions run on Graviton2, as AWS says.
var lambdaParts = map[string][]string{
	"Intel(R) Xeon(R) Processor @ 2.50GHz": {"Xeon Platinum 8259CL", "Xeon Platinum 8175M"},
	"Intel(R) Xeon(R) Processor @ 2.90GHz": {"Xeon Platinum 8375C"},
	"Intel(R) Xeon(R) Processor @ 3.00GHz": {"Xeon Platinum 8275CL", "Xeon Platinum 8124M"},
	"AMD EPYC":                             {"EPYC 7R13", "EPYC 9R14"},
	"aarch64":                              {"Graviton2"},
}

// vcpuPower is what one vCPU of a guest is charged: its part of an idle socket,
// and what it adds while it is busy.
type vcpuPower struct {
	idleW, busyW model.Range
	socketW      float64 // nominal thermal design power, to which both are in proportion
	says         string  // of which processor that is
}

// processors answers for brand strings, each once.
type processors struct{ byName map[string]vcpuPower }

// of returns what a vCPU takes where Lambda shows this brand string.
func (p *processors) of(name, arch string) (vcpuPower, error) {
	key := arch + "\x00" + name
	if v, ok := p.byName[key]; ok {
		return v, nil
	}
	m, err := match(name, arch)
	if err != nil {
		return vcpuPower{}, err
	}
	// One vCPU: the model of a guest is linear in them.
	one, err := model.NewMachine(model.Host{CPUs: 1, Sockets: 1, Virtual: true, CPU: m})
	if err != nil {
		return vcpuPower{}, err
	}
	v := vcpuPower{idleW: one.Total.At(0), busyW: one.Dynamic.At(1), socketW: m.TDP.Nominal}
	var names []string
	for i := range m.Candidates {
		names = append(names, m.Candidates[i].Name)
	}
	v.says = fmt.Sprintf("%s: %s, ", shorten(name), strings.Join(names, " or "))
	if len(names) == 0 {
		v.says = fmt.Sprintf("%s: %s, ", shorten(name), m.Name)
	}
	v.says += fmt.Sprintf("%.2f (%.2f to %.2f) W idle and %.2f (%.2f to %.2f) W more while busy, for a vCPU",
		v.idleW.Nominal, v.idleW.Low, v.idleW.High, v.busyW.Nominal, v.busyW.Low, v.busyW.High)
	if p.byName == nil {
		p.byName = map[string]vcpuPower{}
	}
	p.byName[key] = v
	return v, nil
}

func match(name, arch string) (model.Match, error) {
	if arch == "aarch64" && (name == "" || name == "Unknown") {
		name = "aarch64"
	}
	if parts, ok := lambdaParts[name]; ok {
		return model.Embedded().Among(parts...)
	}
	id := model.Identity{ModelName: name, Virtual: true, Cloud: "aws"}
	if name == "" || name == "Unknown" {
		if arch == "x86_64" {
			// Any of them.
			return model.Embedded().Among("Xeon Platinum 8259CL", "Xeon Platinum 8175M", "Xeon Platinum 8375C", "Xeon Platinum 8275CL", "Xeon Platinum 8124M", "EPYC 7R13", "EPYC 9R14")
		}
		id.ModelName = ""
	}
	return model.Identify(id, model.Given{})
}
