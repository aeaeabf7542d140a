package flexexecutor

// backend is where the workers say that they ran, of a directory whose name does
// not: Lambda, where all of them say so that say anything.
func (im *importer) backend(g group, stages []stage) string {
	on, off := 0, 0
	for _, s := range stages {
		for _, c := range s.cells {
			col := c.column(mAWS)
			if col == nil {
				continue
			}
			for _, text := range col.texts {
				switch part(text, "lambda") {
				case "True":
					on++
				case "False":
					off++
				}
			}
		}
	}
	if on > 0 && off == 0 {
		return "aws"
	}
	if on > 0 || off == 0 {
		im.warn("backend-unknown", "name the directory as FlexExecutor does: application_backend_memory_arch",
			"%s: neither the directory nor the workers say where they ran: not taken for Lambda, so there is no cost and there are no joules by vCPU share", g.dir)
	}
	return ""
}

// arch is the architecture that the workers say, or else the directory.
func (im *importer) arch(g group, stages []stage, key Key) string {
	counts := count(stages, key, mArch, ParseArch)
	if len(counts) == 0 {
		counts = count(stages, key, mAWS, func(text string) string {
			arch, _ := part(text, "arch").(string)
			return ParseArch(arch)
		})
	}
	best := g.place.arch
	switch {
	case len(counts) == 1:
		for a := range counts {
			best = a
		}
		if g.place.arch != "" && best != g.place.arch {
			im.warn("arch-disagrees", "the workers are taken for right", "%s, %q: the directory says %s, the workers %s", g.dir, key, g.place.arch, best)
		}
	case len(counts) > 1:
		for _, a := range sortedKeys(counts) {
			if best == "" || g.place.arch == "" && counts[a] > counts[best] {
				best = a
			}
		}
		im.warn("arch-mixed", "profiles of two architectures may have been merged by hand: part them", "%s, %q: %d workers on x86_64 and %d on aarch64; taken for %s",
			g.dir, key, counts["x86_64"], counts["aarch64"], best)
	case best == "":
		im.warn("arch-unknown", "name the directory as FlexExecutor does: application_backend_memory_arch", "%s, %q: neither the directory nor the workers say the architecture", g.dir, key)
		return unknownArch
	}
	return best
}

// count counts what the workers of a configuration say, "" being nothing.
func count(stages []stage, key Key, metric string, meaning func(text string) string) map[string]int {
	counts := map[string]int{}
	for _, s := range stages {
		c := s.cells[key]
		if c == nil {
			continue
		}
		if col := c.column(metric); col != nil {
			for _, text := range col.texts {
				if m := meaning(text); m != "" {
					counts[m]++
				}
			}
		}
	}
	return counts
}

// memory warns where the directory or the workers have another memory than the
// key: CPU share and costs follow from it.
func (im *importer) memory(g group, stages []stage, key Key) {
	if g.place.memoryMB > 0 && key.MemoryMB > 0 && g.place.memoryMB != key.MemoryMB {
		im.warn("memory-disagrees", "the key is taken for right; if the directory is, rename the keys",
			"%s: the directory says %d MB, the key %q says %d MB", g.dir, g.place.memoryMB, key, key.MemoryMB)
	}
	said := count(stages, key, mAWS, func(text string) string {
		mb, _ := part(text, "mem").(string)
		if n, ok := parseMemory(mb); !ok || n == key.MemoryMB || part(text, "lambda") != "True" {
			return ""
		}
		return mb
	})
	for _, mb := range sortedKeys(said) {
		im.warn("memory-disagrees", "the key is taken for right; if the workers are, rename the keys: CPU share, joules and costs follow from the memory",
			"%s: %d workers say that they had %s MB, the key %q says %d MB", g.dir, said[mb], mb, key, key.MemoryMB)
	}
}

// unknownArch stands where nothing says which it is.
const unknownArch = "unknown"
