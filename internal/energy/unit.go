package energy

// UnitTolerance is how far two interfaces to one counter may differ over their
// units alone, relative: powercap cuts the unit to whole nanojoules (60 ppm),
// and takes 15.3 uJ for the DRAM unit of servers where perf takes 2^-16 J,
// 0.27 % less (drivers/powercap/intel_rapl_common.c, arch/x86/events/rapl.c).
func UnitTolerance(d Domain) float64 {
	if d == DRAM {
		return 0.003
	}
	return 0.0001
}
