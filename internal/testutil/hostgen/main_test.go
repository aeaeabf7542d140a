package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

func TestArchivesAreCurrent(t *testing.T) {
	if err := compare(testutil.HostsDir(t), archives()); err != nil {
		t.Errorf("%v\nrun: go run ./internal/testutil/hostgen", err)
	}
}

func TestCheckFindsDifferences(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{"-dir", dir}, os.Stderr); err != nil {
		t.Fatal(err)
	}
	check := func() error { return run([]string{"-check", "-dir", dir}, os.Stderr) }
	if err := check(); err != nil {
		t.Fatalf("fresh archives differ: %v", err)
	}
	for name, change := range map[string]func() error{
		"intel-1s.txtar differs": func() error {
			path := filepath.Join(dir, "intel-1s.txtar")
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, []byte(strings.Replace(string(data), "package-0", "package-1", 1)), 0o644)
		},
		"no such file":       func() error { return os.Remove(filepath.Join(dir, "intel-2s.txtar")) },
		"has no description": func() error { return os.WriteFile(filepath.Join(dir, "mine.txtar"), nil, 0o644) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("after a change, -check says %v, want %q", err, name)
		}
	}
}

// TestLinks follows every link: those of a live sysfs lead somewhere, but for
// the container's masked ones.
func TestLinks(t *testing.T) {
	for _, h := range hosts() {
		root := testutil.Host(t, h.name)
		masked := 0
		for name, e := range h.tree() {
			if e.target == "" {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				masked++
				if h.name != "container" || !strings.HasPrefix(name, "sys/class/powercap/") {
					t.Errorf("%s: %s -> %s: %v", h.name, name, e.target, err)
				}
			}
		}
		if h.name == "container" && masked == 0 {
			t.Error("container: powercap is not masked")
		}
	}
}
