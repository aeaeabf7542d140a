// Package labtest proves the program in the virtual RAPL lab: the real
// drivers of two kernels, and the true joules to compare with. It holds tests
// only: TestLab boots the guests and runs the TestGuest tests inside them.
package labtest
