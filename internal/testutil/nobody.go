package testutil

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// AsNobody runs f with the file system rights of a user without any, so that
// modes bite in tests that run as root too. Only files opened by f's own
// goroutine are affected: the kernel drops CAP_DAC_OVERRIDE and its like from
// a thread whose file system user ceases to be root (capabilities(7)), and
// gives them back when it is root again.
func AsNobody(tb testing.TB, f func()) {
	tb.Helper()
	runtime.LockOSThread()
	old, _ := unix.SetfsuidRetUid(nobody)
	// The call returns the old user whether it worked or not.
	if now, _ := unix.SetfsuidRetUid(nobody); old == 0 && now != nobody {
		runtime.UnlockOSThread()
		tb.Fatalf("setfsuid did not take: file system user is %d", now)
	}
	defer func() {
		_, _ = unix.SetfsuidRetUid(old)
		if now, _ := unix.SetfsuidRetUid(-1); now != old {
			// The thread stays locked and ends with its goroutine.
			tb.Errorf("file system user is %d, was %d", now, old)
			return
		}
		runtime.UnlockOSThread()
	}()
	f()
}
