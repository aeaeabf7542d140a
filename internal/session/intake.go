package session

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// intake reads a pipe of the command's on a thread of its own, which sleeps in
// the kernel until something comes: a piece is known of within the time that
// waking a thread takes. It ends with the window and not with the pipe, which
// processes that the command left behind may hold for ever.
type intake struct {
	read, write int // descriptors; write is the command's end, -1 once it has it
	stop        int // eventfd
	stopping    sync.Once
	done        chan struct{} // nil until it runs
	// take gets each piece; false ends the intake. at is when the piece was
	// there to be read.
	take func(piece []byte, at energy.Instant) bool
}

// newIntake makes the pipe. With owner the command can also open it by name.
func newIntake(owner *syscall.Credential, take func([]byte, energy.Instant) bool) (*intake, error) {
	// Not os.Pipe: Go's poller would wake up for every piece as well.
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe from the command (see ulimit -n): %w", os.NewSyscallError("pipe2", err))
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(p[0])
		unix.Close(p[1])
		return nil, fmt.Errorf("make what ends reading a pipe (see ulimit -n): %w", os.NewSyscallError("eventfd", err))
	}
	if owner != nil {
		// Only who opens /dev/fd/N needs it: a pipe belongs to who made it.
		_ = unix.Fchown(p[1], int(owner.Uid), int(owner.Gid))
	}
	return &intake{read: p[0], write: p[1], stop: stop, take: take}, nil
}

// started says that the command has its end.
func (in *intake) started() {
	if in.write >= 0 {
		unix.Close(in.write)
		in.write = -1
	}
}

// run starts reading.
func (in *intake) run() {
	in.done = make(chan struct{})
	buf := make([]byte, pieceSize)
	go in.loop(buf)
}

// pieceSize is what a pipe holds by default.
const pieceSize = 64 << 10

// loop closes the pipe when it ends: a command that goes on writing is told as
// it would be if it wrote to whom its pieces go to.
func (in *intake) loop(buf []byte) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(in.done)
	defer unix.Close(in.read)
	fds := []unix.PollFd{{Fd: int32(in.read), Events: unix.POLLIN}, {Fd: int32(in.stop), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return
		}
		at := energy.Now()
		switch {
		case fds[1].Revents != 0:
			in.drain(buf)
			return
		case fds[0].Revents == 0:
			continue
		}
		n, err := unix.Read(in.read, buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if n <= 0 || !in.take(buf[:n], at) {
			return
		}
	}
}

// drain takes what is in the pipe when the window has ended, and no more:
// somebody may write for ever.
func (in *intake) drain(buf []byte) {
	left, err := unix.IoctlGetInt(in.read, unix.TIOCINQ)
	for err == nil && left > 0 {
		n, err := unix.Read(in.read, buf[:min(left, len(buf))])
		if err == unix.EINTR {
			continue
		}
		if n <= 0 || !in.take(buf[:n], energy.Now()) {
			return
		}
		left -= n
	}
}

// end ends reading, after what is in the pipe, and closes it. It is safe twice
// and on nil.
func (in *intake) end() {
	if in == nil {
		return
	}
	in.stopping.Do(func() {
		if in.done != nil {
			_, _ = unix.Write(in.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
			<-in.done
		} else {
			unix.Close(in.read)
		}
		in.started()
		unix.Close(in.stop)
	})
}
