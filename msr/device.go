package msr

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// fdDevice is an open /dev/cpu/N/msr. It is a bare descriptor: os.File would
// add its lock and poller to a read that takes under a microsecond.
type fdDevice struct{ fd int }

func openerAt(root string) opener {
	return func(cpu int) (device, error) {
		path := devicePath(root, cpu)
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return &fdDevice{fd}, nil
	}
}

// ReadAt reads a register. The driver (msr_read in arch/x86/kernel/msr.c)
// answers EIO for a register that faults and ENXIO for a CPU that is offline.
func (d *fdDevice) ReadAt(p []byte, reg int64) (int, error) {
	for {
		n, err := unix.Pread(d.fd, p, reg)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n < len(p):
			return n, io.ErrUnexpectedEOF
		}
		return n, nil
	}
}

func (d *fdDevice) Close() error {
	if d.fd < 0 {
		return nil
	}
	fd := d.fd
	d.fd = -1
	return os.NewSyscallError("close", unix.Close(fd))
}
