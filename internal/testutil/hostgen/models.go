package main

const (
	intelFlags = "fpu msr mce apic pge acpi ht tm constant_tsc arch_perfmon pebs bts aperfmperf dtherm ida arat pln pts hwp avx2"
	amdFlags   = "fpu msr mce apic pge ht constant_tsc aperfmperf topoext perfctr_core perfctr_nb perfctr_llc cpb hw_pstate rapl avx2"
)

func intel(number, stepping, mhz int, name, microcode string) model {
	return model{x86: true, vendor: "GenuineIntel", family: 6, number: number, stepping: stepping,
		mhz: mhz, name: name, microcode: microcode, flags: intelFlags}
}

func amd(family, number, stepping, mhz int, name, microcode string) model {
	return model{x86: true, vendor: "AuthenticAMD", family: family, number: number, stepping: stepping,
		mhz: mhz, name: name, microcode: microcode, flags: amdFlags}
}

// guest returns the model as a virtual machine sees it.
func (m model) guest() model {
	m.flags += " hypervisor"
	return m
}

func arm(implementer, variant, part, revision string) model {
	return model{mhz: 2600, other: "processor\t: %d\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics\n" +
		"CPU implementer\t: " + implementer + "\nCPU architecture: 8\nCPU variant\t: " + variant +
		"\nCPU part\t: " + part + "\nCPU revision\t: " + revision + "\n\n"}
}

var (
	sandyEP      = intel(45, 7, 2700, "Intel(R) Xeon(R) CPU E5-4650 0 @ 2.70GHz", "0x71a")
	skylakeSP    = intel(85, 4, 2500, "Intel(R) Xeon(R) Platinum 8180 CPU @ 2.50GHz", "0x2007006")
	cascadeLake  = intel(85, 7, 2500, "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", "0x5003604")
	cascadeAP    = intel(85, 7, 2300, "Intel(R) Xeon(R) Platinum 9242 CPU @ 2.30GHz", "0x5003604")
	iceLakeSP    = intel(106, 6, 2400, "Intel(R) Xeon(R) Platinum 8360Y CPU @ 2.40GHz", "0xd0003a5")
	kabyLakeR    = intel(142, 10, 1800, "Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "0xf4")
	tigerLake    = intel(140, 1, 2800, "11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", "0xac")
	threadripper = amd(23, 1, 1, 3400, "AMD Ryzen Threadripper 1950X 16-Core Processor", "0x8001138")
	zen2         = amd(23, 49, 0, 2250, "AMD EPYC 7742 64-Core Processor", "0x830107a")
	milan        = amd(25, 1, 1, 2450, "AMD EPYC 7763 64-Core Processor", "0xa0011d1")
	turin        = amd(26, 2, 1, 2700, "AMD EPYC 9575F 64-Core Processor", "0xb002110")
	altra        = arm("0x41", "0x3", "0xd0c", "1")
	graviton2    = arm("0x41", "0x3", "0xd0c", "1")
	sifive       = model{mhz: 1200, other: "processor\t: %[1]d\nhart\t\t: %[1]d\nisa\t\t: rv64imafdc_zicntr_zicsr_zifencei_zihpm\nmmu\t\t: sv39\nuarch\t\t: sifive,u74-mc\n\n"}
	z15          = model{mhz: 5200,
		head:  "vendor_id       : IBM/S390\n# processors    : 2\nbogomips per cpu: 24038.00\nmax thread id   : 0\nfeatures\t: esan3 zarch stfle msa ldisp eimm dfp edat etf3eh highgprs te vx vxd vxe gs\n",
		other: "processor %d: version = FF,  identification = 0133E8,  machine = 8561\n",
		tail:  "\ncpu number      : 0\nversion         : FF\nidentification  : 0133E8\nmachine         : 8561\ncpu MHz dynamic : 5200\n"}
)
