// Package perfevent reads the kernel's performance events: the power PMU as a
// source of energy, and hardware and software counters of a command.
//
// Facts come from perf_event_open(2), arch/x86/events/rapl.c (the power PMU:
// one event per domain, counted per package on the CPUs of its cpumask, in
// steps of 2^-32 J whatever the register's own unit) and kernel/events/core.c.
package perfevent
