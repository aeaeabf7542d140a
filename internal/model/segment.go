package model

// The segments: watts per thread at TDP of parts made for one purpose. The
// two bounds each hold at least nine in ten rows of the table; a test keeps them so.
var (
	serverX86 = segmentPower{"x86 servers", Range{1.5, 4, 10}, Range{80, 185, 400}}
	serverArm = segmentPower{"Arm servers", Range{0.9, 1.9, 3.2}, Range{60, 180, 350}}
	client    = segmentPower{"desktop and laptop processors", Range{1.2, 5, 16}, Range{12, 65, 180}}
	smallArm  = segmentPower{"Arm boards", Range{0.4, 1.5, 3}, Range{2, 6, 15}}
	unknown   = segmentPower{"processors of any kind", Range{0.9, 4, 16}, Range{12, 125, 400}}
)

type segmentPower struct {
	name      string
	perThread Range // watts per thread
	tdp       Range // watts per socket, where the socket can't be seen
}

// smallArmParts are MIDR part numbers of Cortex-A cores as single-board
// computers have them (A53, A55, A57, A72, A73, A76): a server part would
// show a Neoverse, Ampere or other number.
var smallArmParts = map[uint32]bool{0xd03: true, 0xd05: true, 0xd07: true, 0xd08: true, 0xd09: true, 0xd0b: true}

// segment is the answer where the table has none.
func segment(id Identity, b brand) Match {
	s := segmentOf(id, b)
	m := Match{Step: BySegment, Confidence: EstimatedData, Name: s.name, TDP: s.tdp, PerThread: s.perThread, Server: s.name != client.name && s.name != smallArm.name}
	if !id.Virtual && id.Threads > 0 {
		m.Threads = max(id.Threads/max(id.Sockets, 1), 1)
		m.Cores = max(id.Cores/max(id.Sockets, 1), 0)
		m.TDP = s.perThread.Times(float64(m.Threads))
		m.threads = Exactly(float64(m.Threads))
		return m
	}
	n := s.tdp.Nominal / s.perThread.Nominal
	m.threads = Range{n / 2, n, n * 2}
	return m
}

func segmentOf(id Identity, b brand) segmentPower {
	part := id.midr(b) >> 4 & 0xfff
	for _, w := range b.words {
		switch w {
		case "xeon", "epyc", "opteron":
			return serverX86
		case "core", "ryzen", "pentium", "celeron", "athlon", "atom":
			return client
		}
	}
	switch vendor := vendorName(id.Vendor); {
	case smallArmParts[part]:
		return smallArm
	case part != 0, implementers[vendor] != 0:
		return serverArm
	case id.Virtual && (vendor == "intel" || vendor == "amd"):
		return serverX86
	}
	return unknown
}
