package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What a package makes before main begins is paid by every command and every
// worker of a benchmark: patterns and tables are made when they are asked for.
func TestPackagesBeginWithLittle(t *testing.T) {
	const most = 300 // allocations; a pattern of few characters takes hundreds
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.Bytes())
	}
	seen := 0
	for lines := bufio.NewScanner(&errs); lines.Scan(); {
		// init PACKAGE @1.2 ms, 0.3 ms clock, 4567 bytes, 89 allocs
		name, numbers, is := strings.Cut(strings.TrimPrefix(lines.Text(), "init "), " @")
		if !is {
			continue
		}
		seen++
		own, is := strings.CutPrefix(name, module)
		fields := strings.Split(numbers, ", ")
		var n int
		if _, err := fmt.Sscanf(fields[len(fields)-1], "%d allocs", &n); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if is && n > most {
			t.Errorf("%s makes %d allocations before main begins, at most %d are allowed: %s", own, n, most, numbers)
		}
	}
	if seen < 10 {
		t.Errorf("%d packages were traced", seen)
	}
}
