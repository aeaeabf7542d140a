package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// ProfileSchema names the contract of Profile. A later version has another
// number and is refused.
const ProfileSchema = "energyprobe.profile/v1"

// maxProfile is far beyond what a profile takes: a file that is larger is none.
const maxProfile = 1 << 20

// Profile is what a calibration learnt of a host: models of the power of its
// sockets and their memory, for the same host and for others with the same
// processor.
type Profile struct {
	Schema    string      `json:"schema"`      // the contract that this document fulfils
	CreatedAt time.Time   `json:"created_at"`  // when the calibration ended
	Version   string      `json:"version"`     // of energyprobe
	CPU       ProfileCPU  `json:"cpu"`         // that it was made on
	Kernel    string      `json:"kernel"`      // release
	Governor  string      `json:"governor"`    // of cpufreq, "" where there is none
	Source    string      `json:"source"`      // whose counters were taken for the truth
	TDPW      float64     `json:"tdp_w"`       // of a socket
	LimitW    float64     `json:"limit_w"`     // sustained power limit of a socket, 0 where none is known
	Idle      ProfileIdle `json:"idle"`        // of a socket
	SMT       *ProfileSMT `json:"smt"`         // what a second thread of a core adds; null without one
	Package   Fitted      `json:"package"`     // models of a socket's package
	DRAM      *Fitted     `json:"dram"`        // and of its memory; null where no counter tells
	Grade     string      `json:"grade"`       // A, B, C or FAIL
	Forced    bool        `json:"forced"`      // whether a verdict against the host was overruled
	Verdicts  []string    `json:"verdicts"`    // of the quality control, in words
	Seed      int64       `json:"seed"`        // of the order of the loads
	DataHash  string      `json:"data_sha256"` // of the points it was fitted to
}

// ProfileCPU is the processor that a profile is for.
type ProfileCPU struct {
	ModelName string `json:"model_name"` // as the processor spells it
	Vendor    string `json:"vendor"`     // GenuineIntel, AuthenticAMD, ...
	Family    int    `json:"family"`     // CPUID family
	Model     int    `json:"model"`      // CPUID model
	Stepping  int    `json:"stepping"`   // CPUID stepping
	Microcode string `json:"microcode"`  // revision, hexadecimal
	Sockets   int    `json:"sockets"`    // physical packages
	Cores     int    `json:"cores"`      // physical cores, over all sockets
	Threads   int    `json:"threads"`    // logical CPUs, over all sockets
}

// ProfileIdle is the power of an idle socket.
type ProfileIdle struct {
	PowerW  float64 `json:"power_w"`  // median
	SpreadW float64 `json:"spread_w"` // standard deviation over the calibration
}

// ProfileSMT is how much more a core draws with both of its threads at work.
type ProfileSMT struct {
	Rho  float64 `json:"rho"`  // dynamic power of both threads over that of one
	Low  float64 `json:"low"`  // lower end of a 95 % interval
	High float64 `json:"high"` // its upper end
}

// Fitted are the tiers of one domain.
type Fitted struct {
	Best  string `json:"best"`  // name of the one to use
	Tiers []Tier `json:"tiers"` // from the simplest
}

// ReadProfile reads a profile from a file. An error names the file and the
// field.
func ReadProfile(path string) (*Profile, error) {
	f, err := openDocument(path)
	if err != nil {
		return nil, fmt.Errorf("read a host profile: %w; make one: energyprobe calibrate", err)
	}
	defer f.Close()
	p, err := ParseProfile(f)
	if err != nil {
		return nil, fmt.Errorf("host profile %q: %w", path, err)
	}
	return p, nil
}

// ParseProfile reads a profile. It takes nothing that makes no sense: what a
// profile says is told on as an estimate.
func ParseProfile(r io.Reader) (*Profile, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxProfile+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxProfile:
		return nil, fmt.Errorf("it is larger than %d bytes: this is no host profile", maxProfile)
	}
	if field, err := faultIn(data); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, jsonError(data, err)
	}
	switch {
	case head.Schema == ProfileSchema:
	case strings.HasPrefix(head.Schema, "energyprobe.profile/"):
		return nil, fmt.Errorf("schema: %s is of a later version of energyprobe; this one knows %s", head.Schema, ProfileSchema)
	default:
		return nil, fmt.Errorf("schema: %q, want %s: make a profile with energyprobe calibrate", head.Schema, ProfileSchema)
	}
	p := &Profile{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, jsonError(data, err)
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	return p, nil
}

// jsonError says where a document is not what it should be.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		where := fmt.Sprintf("line %d", 1+bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n")))
		if field, _ := faultIn(data); field != "" {
			where += ", at " + field
		}
		return fmt.Errorf("%s: %w", where, err)
	case errors.As(err, &kind):
		if kind.Field == "" {
			return fmt.Errorf("it is no host profile: want %s, got %s", jsonKind(kind.Type), article(kind.Value))
		}
		return fmt.Errorf("%s: want %s, got %s", kind.Field, jsonKind(kind.Type), article(kind.Value))
	}
	return err
}

// jsonKind is what a Go type is written as.
func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	}
	return t.String()
}

// article puts one before what encoding/json calls a value: array, object, number
// -1.5, ...
func article(value string) string {
	if strings.HasPrefix(value, "array") || strings.HasPrefix(value, "object") {
		return "an " + value
	}
	return "a " + value
}

// Check names the first field that makes no sense.
func (p *Profile) Check() error {
	for _, f := range []struct {
		name string
		v    float64
	}{
		{"limit_w", p.LimitW}, {"idle.power_w", p.Idle.PowerW}, {"idle.spread_w", p.Idle.SpreadW},
		{"cpu.family", float64(p.CPU.Family)}, {"cpu.model", float64(p.CPU.Model)}, {"cpu.stepping", float64(p.CPU.Stepping)},
	} {
		if err := checkNotNegative(f.name, f.v); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		v    float64
	}{{"tdp_w", p.TDPW}, {"cpu.sockets", float64(p.CPU.Sockets)}, {"cpu.cores", float64(p.CPU.Cores)}, {"cpu.threads", float64(p.CPU.Threads)}} {
		if err := check(f.name, f.v); err != nil {
			return err
		}
	}
	for _, f := range []struct{ name, text string }{
		{"version", p.Version}, {"cpu.model_name", p.CPU.ModelName}, {"cpu.vendor", p.CPU.Vendor}, {"cpu.microcode", p.CPU.Microcode},
		{"kernel", p.Kernel}, {"governor", p.Governor}, {"source", p.Source}, {"verdicts", strings.Join(p.Verdicts, " ")}, {"data_sha256", p.DataHash},
	} {
		// What a terminal obeys is shown to none.
		if strings.ContainsFunc(f.text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("%s: %q has characters that can't be printed", f.name, f.text)
		}
	}
	switch {
	case p.TDPW > MaxTDPW:
		return fmt.Errorf("tdp_w: %g is more than any processor has", p.TDPW)
	case p.CPU.ModelName == "" && p.CPU.Vendor == "":
		return errors.New("cpu: it does not say which processor it is for")
	case p.CPU.Threads < p.CPU.Cores || p.CPU.Cores < p.CPU.Sockets:
		return fmt.Errorf("cpu: %d threads on %d cores on %d sockets can't be", p.CPU.Threads, p.CPU.Cores, p.CPU.Sockets)
	case !slices.Contains([]string{"A", "B", "C", "FAIL"}, p.Grade):
		return fmt.Errorf("grade: %q, want A, B, C or FAIL", p.Grade)
	case p.Grade == "FAIL" && !p.Forced:
		return errors.New("grade: FAIL, and forced is false: such a profile is only written by force")
	case p.SMT != nil && !(0 < p.SMT.Low && p.SMT.Low <= p.SMT.Rho && p.SMT.Rho <= p.SMT.High && p.SMT.High < 10):
		return fmt.Errorf("smt: %g to %g around %g can't be", p.SMT.Low, p.SMT.High, p.SMT.Rho)
	}
	if err := p.Package.check("package"); err != nil || p.DRAM == nil {
		return err
	}
	return p.DRAM.check("dram")
}

func (f *Fitted) check(field string) error {
	seen := map[string]bool{}
	for i := range f.Tiers {
		if err := f.Tiers[i].check(); err != nil {
			return fmt.Errorf("%s.tiers[%d].%w", field, i, err)
		}
		if seen[f.Tiers[i].Name] {
			return fmt.Errorf("%s.tiers[%d].name: %s is there twice", field, i, f.Tiers[i].Name)
		}
		seen[f.Tiers[i].Name] = true
	}
	if !seen[f.Best] {
		return fmt.Errorf("%s.best: there is no tier %q", field, f.Best)
	}
	return nil
}

// Suits says whether a profile may speak of a processor: the error why not, and
// the warnings what to keep in mind.
func (p *Profile) Suits(cpu ProfileCPU, governor string) (warnings []string, err error) {
	own := p.CPU
	if own.Vendor != cpu.Vendor || own.Family != cpu.Family || own.Model != cpu.Model || own.ModelName != cpu.ModelName {
		return nil, fmt.Errorf("the profile is for %s (%s, family %d, model %d), this is %s (%s, family %d, model %d): calibrate here, or on a host with this processor",
			own.ModelName, own.Vendor, own.Family, own.Model, cpu.ModelName, cpu.Vendor, cpu.Family, cpu.Model)
	}
	differ := func(what string, theirs, ours any) {
		if theirs != ours {
			warnings = append(warnings, fmt.Sprintf("the profile was made with %s %v, this host has %v", what, theirs, ours))
		}
	}
	differ("stepping", own.Stepping, cpu.Stepping)
	if own.Microcode != "" && cpu.Microcode != "" {
		differ("microcode", own.Microcode, cpu.Microcode)
	}
	if governor != "" {
		differ("governor", p.Governor, governor)
	}
	return warnings, nil
}

// tier returns the tier of a name, nil if there is none.
func (f *Fitted) tier(name string) *Tier {
	for i := range f.Tiers {
		if f.Tiers[i].Name == name {
			return &f.Tiers[i]
		}
	}
	return nil
}

// Power estimates what sockets draw together, with the best tier whose features
// are known: the one the fit chose, else of the others the one that is surest. The
// errors of sockets are taken to go together: those of one model err in one
// direction.
func (f *Fitted) Power(sockets []SocketUse) (TierPower, string, error) {
	best := f.tier(f.Best)
	if best == nil {
		return TierPower{}, "", fmt.Errorf("there is no tier %q", f.Best)
	}
	chosen, why := best.sum(sockets)
	if why == nil {
		return chosen, best.Name, nil
	}
	name := ""
	for i := range f.Tiers {
		sum, err := f.Tiers[i].sum(sockets)
		if err == nil && (name == "" || sum.High-sum.Low < chosen.High-chosen.Low) {
			chosen, name = sum, f.Tiers[i].Name
		}
	}
	if name == "" {
		return TierPower{}, "", why
	}
	return chosen, name, nil
}

func (t *Tier) sum(sockets []SocketUse) (TierPower, error) {
	var sum TierPower
	for _, s := range sockets {
		p, err := t.Power(s)
		if err != nil {
			return sum, err
		}
		sum.Low, sum.Nominal, sum.High = sum.Low+p.Low, sum.Nominal+p.Nominal, sum.High+p.High
		sum.Extrapolated = sum.Extrapolated || p.Extrapolated
	}
	return sum, nil
}
