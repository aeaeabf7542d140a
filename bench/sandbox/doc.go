// Package sandbox keeps workers within the memory and the CPU share of a
// serverless function, with control groups of version 1 or 2.
//
//	Open       finds where groups can be made, and says what to do where none can
//	Parent     a directory of this program's own; those of programs that died are swept away
//	Group      one worker: limits, what it ran into, its end
//
// A process is put into a group by writing its number to cgroup.procs
// (Documentation/admin-guide/cgroup-v2.rst, Documentation/admin-guide/cgroup-v1).
package sandbox
