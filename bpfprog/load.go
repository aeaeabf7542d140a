package bpfprog

import (
	"cmp"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

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
