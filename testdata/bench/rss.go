package main

import (
	"os/exec"
	"syscall"
)

// maxRSS returns the largest resident set of a command that ended, in KiB.
func maxRSS(c *exec.Cmd) int64 { return c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss }
