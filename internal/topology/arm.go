package topology

import "fmt"

// armVendor names an implementer code of MIDR_EL1, bits 31:24
// (arch/arm64/include/asm/cputype.h).
func armVendor(implementer int) string {
	switch implementer {
	case 0x41:
		return "ARM"
	case 0x42:
		return "Broadcom"
	case 0x43:
		return "Cavium"
	case 0x46:
		return "Fujitsu"
	case 0x48:
		return "HiSilicon"
	case 0x4e:
		return "NVIDIA"
	case 0x50:
		return "APM"
	case 0x51:
		return "Qualcomm"
	case 0x56:
		return "Marvell"
	case 0x61:
		return "Apple"
	case 0x6d:
		return "Microsoft"
	case 0xc0:
		return "Ampere"
	case -1:
		return ""
	}
	return fmt.Sprintf("0x%02x", implementer)
}

type armID struct{ implementer, part int }

// armParts are the part numbers of MIDR_EL1, bits 15:4, of the cores found in
// servers, single-board computers and laptops
// (arch/arm64/include/asm/cputype.h).
var armParts = map[armID]string{
	{0x41, 0xb76}: "ARM1176",
	{0x41, 0xc07}: "Cortex-A7",
	{0x41, 0xd03}: "Cortex-A53",
	{0x41, 0xd04}: "Cortex-A35",
	{0x41, 0xd05}: "Cortex-A55",
	{0x41, 0xd07}: "Cortex-A57",
	{0x41, 0xd08}: "Cortex-A72",
	{0x41, 0xd09}: "Cortex-A73",
	{0x41, 0xd0a}: "Cortex-A75",
	{0x41, 0xd0b}: "Cortex-A76",
	{0x41, 0xd0c}: "Neoverse-N1",
	{0x41, 0xd40}: "Neoverse-V1",
	{0x41, 0xd41}: "Cortex-A78",
	{0x41, 0xd44}: "Cortex-X1",
	{0x41, 0xd46}: "Cortex-A510",
	{0x41, 0xd47}: "Cortex-A710",
	{0x41, 0xd48}: "Cortex-X2",
	{0x41, 0xd49}: "Neoverse-N2",
	{0x41, 0xd4a}: "Neoverse-E1",
	{0x41, 0xd4b}: "Cortex-A78C",
	{0x41, 0xd4f}: "Neoverse-V2",
	{0x41, 0xd84}: "Neoverse-V3",
	{0x41, 0xd8e}: "Neoverse-N3",
	{0x43, 0x0a1}: "ThunderX",
	{0x43, 0x0af}: "ThunderX2",
	{0x46, 0x001}: "A64FX",
	{0x48, 0xd01}: "Kunpeng-920",
	{0x4e, 0x004}: "Carmel",
	{0x51, 0x001}: "Oryon",
	{0x51, 0xc00}: "Falkor",
	{0x61, 0x022}: "Icestorm (M1)",
	{0x61, 0x023}: "Firestorm (M1)",
	{0x6d, 0xd49}: "Cobalt-100",
	{0xc0, 0xac3}: "Ampere-1",
	{0xc0, 0xac4}: "Ampere-1a",
}

// armPart names a core; one without a known name is told by its numbers.
func armPart(implementer, part int) string {
	if name, ok := armParts[armID{implementer, part}]; ok {
		return name
	}
	return fmt.Sprintf("%s part 0x%03x", armVendor(implementer), part)
}
