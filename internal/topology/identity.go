package topology

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Identity says which processor it is. A heterogeneous machine (big.LITTLE)
// is described by its first CPU, with the other kinds in Name.
type Identity struct {
	// Vendor is the x86 vendor_id (GenuineIntel, AuthenticAMD, HygonGenuine),
	// the name of an ARM implementer (ARM, Ampere, Apple), IBM/S390, or the
	// number in hexadecimal where it has no known name; "" unknown.
	Vendor   string
	Family   int // x86 family, extended family added; ARM: architecture version
	Model    int // x86 model, extended model added; ARM: part number
	Stepping int // x86 stepping; ARM: revision
	Variant  int // ARM variant (the n of rNpM); -1 elsewhere
	// Microcode is the loaded revision as the kernel prints it: "0xd0003a5".
	Microcode string
	Name      string // "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", "Neoverse-N1"
	// Flags are the feature flags of /proc/cpuinfo.
	Flags []string
	x86   bool
}

func unknownIdentity() Identity {
	return Identity{Family: -1, Model: -1, Stepping: -1, Variant: -1}
}

// IsIntel reports whether the processor is Intel's.
func (id Identity) IsIntel() bool { return id.Vendor == "GenuineIntel" }

// IsAMD reports whether the processor is AMD's or Hygon's, whose RAPL
// registers are AMD's.
func (id Identity) IsAMD() bool { return id.Vendor == "AuthenticAMD" || id.Vendor == "HygonGenuine" }

// IsX86 reports whether it is an x86 processor.
func (id Identity) IsX86() bool { return id.x86 }

// HasFlag reports whether the CPU has a feature flag of /proc/cpuinfo:
// "hypervisor", "rapl", "aperfmperf".
func (id Identity) HasFlag(name string) bool {
	return slices.Contains(id.Flags, name)
}

// cpuBlock is one processor's paragraph of /proc/cpuinfo.
type cpuBlock map[string]string

func (b cpuBlock) number(key string) int { return parseNumber(b[key]) }

// parseNumber reads a decimal or 0x number, -1 for anything else.
func parseNumber(s string) int {
	if n, err := strconv.ParseInt(s, 0, 32); err == nil && n >= 0 {
		return int(n)
	}
	return -1
}

// parseCPUInfo parses /proc/cpuinfo into its paragraphs, at most limit of
// them (0: all). A limit matters: on a machine with hundreds of CPUs the
// kernel takes milliseconds to make the file, and it makes only what is read.
func parseCPUInfo(r io.Reader, limit int) ([]cpuBlock, error) {
	var blocks []cpuBlock
	block := cpuBlock{}
	flush := func() {
		if len(block) > 0 {
			blocks = append(blocks, block)
			block = cpuBlock{}
		}
	}
	lines := bufio.NewScanner(r)
	// A flags line is 1 to 3 KB today.
	lines.Buffer(make([]byte, 4096), 1<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			if flush(); limit > 0 && len(blocks) == limit {
				return blocks, nil
			}
			continue
		}
		if key, value, ok := strings.Cut(line, ":"); ok {
			key = strings.ToLower(strings.TrimSpace(key))
			// Older ARM kernels write "Processor : ARMv7 ..." beside the
			// numbered "processor : 0": the first stays.
			if _, seen := block[key]; !seen {
				block[key] = strings.TrimSpace(value)
			}
		}
	}
	flush()
	if err := lines.Err(); err != nil {
		return blocks, fmt.Errorf("parse cpuinfo: %w", err)
	}
	return blocks, nil
}

// identify makes an identity of cpuinfo's paragraphs, whatever the
// architecture.
func identify(blocks []cpuBlock) Identity {
	if len(blocks) == 0 {
		return unknownIdentity()
	}
	b := blocks[0]
	switch {
	case b["cpu implementer"] != "":
		return identifyARM(blocks)
	case b["cpu family"] != "":
		return identifyX86(b)
	}
	id := unknownIdentity()
	id.Vendor = b["vendor_id"] // s390: "IBM/S390"
	// RISC-V says uarch or only the instruction set; POWER says cpu; s390
	// names the machine within "processor 0: version = FF, ..., machine = 8561".
	for _, key := range []string{"model name", "uarch", "cpu", "isa", "processor 0"} {
		if b[key] != "" {
			id.Name = b[key]
			break
		}
	}
	return id
}

func identifyX86(b cpuBlock) Identity {
	return Identity{
		Vendor: b["vendor_id"],
		Family: b.number("cpu family"), Model: b.number("model"), Stepping: b.number("stepping"),
		Variant:   -1,
		Microcode: b["microcode"],
		Name:      b["model name"],
		Flags:     strings.Fields(b["flags"]),
		x86:       true,
	}
}

func identifyARM(blocks []cpuBlock) Identity {
	b := blocks[0]
	implementer := b.number("cpu implementer")
	id := Identity{
		Vendor:   armVendor(implementer),
		Family:   b.number("cpu architecture"),
		Model:    b.number("cpu part"),
		Stepping: b.number("cpu revision"),
		Variant:  b.number("cpu variant"),
		Flags:    strings.Fields(b["features"]),
	}
	var kinds []string
	for _, b := range blocks {
		if b["cpu part"] == "" {
			continue
		}
		name := armPart(b.number("cpu implementer"), b.number("cpu part"))
		if !slices.Contains(kinds, name) {
			kinds = append(kinds, name)
		}
	}
	id.Name = strings.Join(kinds, " + ")
	if b["model name"] != "" { // 32-bit kernels
		id.Name = b["model name"]
	}
	return id
}

// modaliasVendors are the X86_VENDOR_ numbers (arch/x86/include/asm/processor.h)
// that a RAPL reader meets.
var modaliasVendors = map[uint64]string{0: "GenuineIntel", 2: "AuthenticAMD", 5: "CentaurHauls", 9: "HygonGenuine", 10: "  Shanghai  "}

// featureHypervisor is X86_FEATURE_HYPERVISOR, word 4 bit 31
// (arch/x86/include/asm/cpufeatures.h).
const featureHypervisor = "009F"

// parseModalias parses /sys/devices/system/cpu/modalias of x86,
// "cpu:type:x86,ven0002fam0019mod0011:feature:,0000,0001,...". It tells who
// the CPU is where only /sys of a host can be seen.
func parseModalias(s string) (Identity, bool) {
	id := unknownIdentity()
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), "cpu:type:x86,ven")
	if !ok || len(rest) < len("0002fam0019mod0011") || rest[4:7] != "fam" || rest[11:14] != "mod" {
		return id, false
	}
	vendor, err1 := strconv.ParseUint(rest[0:4], 16, 16)
	family, err2 := strconv.ParseUint(rest[7:11], 16, 16)
	model, err3 := strconv.ParseUint(rest[14:18], 16, 16)
	if err1 != nil || err2 != nil || err3 != nil {
		return id, false
	}
	id.Vendor = strings.TrimSpace(modaliasVendors[vendor])
	if id.Vendor == "" {
		id.Vendor = fmt.Sprintf("x86 vendor %d", vendor)
	}
	id.Family, id.Model, id.x86 = int(family), int(model), true
	if strings.Contains(rest, ","+featureHypervisor+",") || strings.HasSuffix(rest, ","+featureHypervisor) {
		id.Flags = []string{"hypervisor"}
	}
	return id, true
}
