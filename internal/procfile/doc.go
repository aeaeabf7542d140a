// Package procfile reads the files of /proc, cgroupfs and sysfs that are read
// often: with few system calls, into buffers that are used again, and with
// parsers that allocate nothing.
package procfile
