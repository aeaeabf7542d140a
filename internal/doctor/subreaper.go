package doctor

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// subreaping reports whether this process is a child subreaper.
func subreaping() (bool, error) {
	var is int32
	if err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&is)), 0, 0, 0); err != nil {
		return false, os.NewSyscallError("prctl", err)
	}
	return is != 0, nil
}
