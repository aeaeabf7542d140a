// Package procusage tells who ran from files alone, where eBPF may not: a
// tracker by process ([New] with a process or the machine as target) and by
// control group (with a group as target).
//
// # What it sees
//
// The CPU time of a process comes from its clock (clock_gettime on
// CPUCLOCK_SCHED, ns, threads that ended included, open to everybody), which
// works where /proc is that of this program's own PID namespace; else from
// /proc/PID/schedstat (ns) for a process of one thread and from utime and
// stime of /proc/PID/stat, which come in ticks of 10 ms. Processes are
// looked at when an interval ends: one that was born and ended in between is
// seen only in its parent's cutime and cstime, to the tick, once the parent
// waited for it, and counts as its parent's. On a live machine 300 children
// of some ms that a command waits for are captured to 99.9 %; of 200 whose
// parent ends at once and leaves them to init, 8 % of the time was seen by
// looks 20 ms apart. (A program that makes itself the reaper of orphans sees
// them too.) What nobody waits for, or a
// parent that ends at once as well, is time in which a CPU was busy that no
// process claims: it goes to the others, never to the target, unless a
// target's control group says that it was spent there.
//
// The busy time of CPUs (/proc/stat) is sampled at the kernel's tick and given
// in ticks of 10 ms: time that nobody claims is believed beyond one tick per
// CPU. Interrupts are the kernel's, as far as they are not in the clocks of
// those they interrupted (they are, without CONFIG_IRQ_TIME_ACCOUNTING).
//
// A process's time is that of the package whose CPU it ran on last, its
// threads asked one by one where there are several packages. With version 2
// of control groups, the part of a group's time that no process of it claims
// is spread over packages as they were busy.
//
// How fast a CPU ran, and whether its core was shared, is not known here: a
// second of any CPU weighs the same.
package procusage
