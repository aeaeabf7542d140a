package load

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/topology"
)

// Allowed returns the CPUs that this thread may run on, ascending.
func Allowed() ([]int, error) {
	set := unix.NewCPUSet(maxCPUs)
	if err := unix.SchedGetaffinityDynamic(0, set); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	var cpus []int
	for cpu := range maxCPUs {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// Confine keeps all threads of this process on CPUs, and those that they start.
// A load's process calls it with the CPUs of the load before Start: Go's
// scheduler takes every worker off its thread for a moment a hundred times a
// second, and the threads that see to it would wake CPUs that are to be idle.
// (It takes a thousandth of a worker's time.)
func Confine(cpus []int) error {
	if err := checkCPUs(cpus); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	// A thread that has not been seen may have started another one meanwhile.
	seen := map[int]bool{}
	for fresh := true; fresh; {
		fresh = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("confine: %w", err)
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil || seen[tid] {
				continue
			}
			seen[tid], fresh = true, true
			if err := pin(tid, cpus...); err != nil && !errors.Is(err, unix.ESRCH) { // ESRCH: gone by now
				return fmt.Errorf("confine: %w", err)
			}
		}
	}
	return nil
}

// pin keeps a thread on CPUs; 0 is the calling one.
func pin(tid int, cpus ...int) error {
	set := unix.NewCPUSet(maxCPUs)
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	err := unix.SchedSetaffinityDynamic(tid, set)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("CPU %s: %w", topology.FormatCPUList(cpus), os.NewSyscallError("sched_setaffinity", err))
	if errors.Is(err, unix.EINVAL) {
		err = fmt.Errorf("%w: offline, or not among those that this process may use (taskset, cpuset)", err)
	}
	return err
}
