package testutil

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// LeakCheck runs a package's tests and returns their exit status; it is 1
// when they passed but left file descriptors or goroutines behind:
//
//	func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }
func LeakCheck(m *testing.M) int {
	before, err := openFiles()
	if err != nil {
		fmt.Fprintln(os.Stderr, "leak check:", err)
		return 1
	}
	code := m.Run()
	if code != 0 {
		return code
	}
	leaks := settle(func() []string {
		after, err := openFiles()
		if err != nil {
			return []string{err.Error()}
		}
		return append(leakedFiles(before, after), leakedGoroutines()...)
	})
	for _, l := range leaks {
		fmt.Fprintln(os.Stderr, "leak:", l)
	}
	if len(leaks) > 0 {
		return 1
	}
	return 0
}

// settle asks again for a while: goroutines that were told to end need a
// moment.
func settle(leaks func() []string) []string {
	var found []string
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if found = leaks(); len(found) == 0 || time.Now().After(deadline) {
			return found
		}
	}
}

// openFiles maps descriptors to what they refer to.
func openFiles() (map[string]string, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	files := make(map[string]string)
	for _, e := range entries {
		// The descriptor of this very listing is gone by now.
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			files[e.Name()] = target
		}
	}
	return files, nil
}

func leakedFiles(before, after map[string]string) []string {
	var leaks []string
	poller := map[string]bool{"anon_inode:[eventpoll]": true, "anon_inode:[eventfd]": true}
	for fd, target := range after {
		if before[fd] == target {
			continue
		}
		// The runtime's poller makes one of each when it is first used.
		if poller[target] {
			poller[target] = false
			continue
		}
		leaks = append(leaks, "file descriptor "+fd+": "+target)
	}
	slices.Sort(leaks)
	return leaks
}

func leakedGoroutines() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var leaks []string
	for i, g := range strings.Split(string(buf), "\n\n") {
		// The first is this one; the signal loop, once started, never ends.
		if i == 0 || strings.Contains(g, "os/signal.loop") || strings.Contains(g, "created by runtime.") {
			continue
		}
		leaks = append(leaks, g)
	}
	return leaks
}
