package bpfprog

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// rows is ROWS of src/usage.bpf.c. Each has room for the accounts of all places,
// and they shall not take more than maxRowBytes: then there are fewer.
const (
	rows        = 1 << 14
	maxRowBytes = 8 << 20
)

// load loads what src/usage.bpf.c has, with maps as large as this machine is.
func (t *Tracker) load() error {
	spec, err := loadUsage()
	if err != nil {
		return err
	}
	n := uint32(len(t.o.Places))
	spec.Maps["cpus"].MaxEntries = uint32(t.o.CPUs)
	spec.Maps["cycles"].MaxEntries = uint32(t.o.CPUs)
	spec.Maps["instructions"].MaxEntries = uint32(t.o.CPUs)
	spec.Maps["places"].MaxEntries = n
	spec.Maps["rates"].MaxEntries *= n
	for _, name := range []string{"power_package", "power_core", "power_uncore", "power_dram"} {
		spec.Maps[name].MaxEntries = n
	}
	spec.Maps["ended"].MaxEntries = 4 << 20
	if t.o.room > 0 {
		spec.Maps["ended"].MaxEntries, spec.Maps["past"].MaxEntries = t.o.room*uint32(os.Getpagesize()), t.o.room
	}
	// The accounts follow the record, which the type description leaves open.
	tasks := spec.Maps["tasks"]
	tasks.ValueSize += n * accountSize
	if record, ok := tasks.Value.(*btf.Struct); ok {
		record.Size = tasks.ValueSize
	}
	for _, name := range []string{"past", "nothing", "rows"} {
		spec.Maps[name].ValueSize = tasks.ValueSize
		spec.Maps[name].Value = nil
	}
	spec.Maps["rows"].MaxEntries = min(rows, maxRowBytes/tasks.ValueSize)
	if t.o.rows > 0 {
		spec.Maps["rows"].MaxEntries = t.o.rows
	}
	set := map[string]any{
		"n_cpus": uint32(t.o.CPUs), "n_places": n, "tool": uint32(t.o.Tool),
		"use_cycles": t.o.Cycles != nil, "use_siblings": t.o.Siblings != nil, "use_frequency": t.o.Frequencies != nil,
		"thread_lines": t.o.Threads,
		"half_rho":     uint32(math.Round(t.o.Rho / 2 * 1024)),
	}
	for name, value := range set {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	all, err := loadAll(spec)
	if err != nil {
		return err
	}
	defer all.Close() // what has not become the tracker's
	return all.Assign(&t.objects)
}

// loadAll loads a collection, with several programs at a time: nearly all of
// it is the kernel's verifier at work, which takes one CPU for each.
func loadAll(spec *ebpf.CollectionSpec) (*ebpf.Collection, error) {
	types := btf.NewCache()
	var decoding sync.WaitGroup
	decoding.Go(func() { _, _ = types.Kernel() }) // an error comes again with the programs

	all, err := ebpf.NewCollectionWithOptions(
		&ebpf.CollectionSpec{Maps: spec.Maps, Variables: spec.Variables, Types: spec.Types, ByteOrder: spec.ByteOrder},
		ebpf.CollectionOptions{Cache: types})
	decoding.Wait()
	if err != nil {
		return nil, err
	}
	parts := deal(spec.Programs, min(4, runtime.GOMAXPROCS(0)))
	loaded, errs := make([]*ebpf.Collection, len(parts)), make([]error, len(parts))
	var loading sync.WaitGroup
	for i, part := range parts {
		loading.Go(func() {
			loaded[i], errs[i] = ebpf.NewCollectionWithOptions(
				&ebpf.CollectionSpec{Maps: spec.Maps, Programs: part, Types: spec.Types, ByteOrder: spec.ByteOrder},
				ebpf.CollectionOptions{Cache: types, MapReplacements: all.Maps})
		})
	}
	loading.Wait()
	all.Programs = map[string]*ebpf.Program{}
	for _, part := range loaded {
		if part == nil {
			continue
		}
		maps.Copy(all.Programs, part.Programs)
		part.Programs = nil
		part.Close() // its descriptors of the maps
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		all.Close()
		return nil, errs[i] // the others fail for the same reason
	}
	return all, nil
}

// deal splits programs into n parts of about the same length.
func deal(programs map[string]*ebpf.ProgramSpec, n int) []map[string]*ebpf.ProgramSpec {
	parts, lengths := make([]map[string]*ebpf.ProgramSpec, n), make([]int, n)
	names := slices.SortedFunc(maps.Keys(programs), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(programs[b].Instructions), len(programs[a].Instructions)), cmp.Compare(a, b))
	})
	for _, name := range names {
		least := slices.Index(lengths, slices.Min(lengths))
		if parts[least] == nil {
			parts[least] = map[string]*ebpf.ProgramSpec{}
		}
		parts[least][name] = programs[name]
		lengths[least] += len(programs[name].Instructions)
	}
	return slices.DeleteFunc(parts, func(p map[string]*ebpf.ProgramSpec) bool { return p == nil })
}
