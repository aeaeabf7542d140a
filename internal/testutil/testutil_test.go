package testutil

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

func TestMain(m *testing.M) { os.Exit(LeakCheck(m)) }

func TestUnpack(t *testing.T) {
	root := t.TempDir()
	for _, f := range []txtar.File{
		{Name: "a/b:0/text", Data: []byte("1\n")},
		{Name: "a/b:0/secret [0400]", Data: []byte("2\n")},
		{Name: "a/dir/"},
		{Name: "link -> a/b:0"},
	} {
		if err := unpack(root, f); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(root, "link/secret")); err != nil || string(b) != "2\n" {
		t.Errorf("through the link: %q, %v", b, err)
	}
	for name, mode := range map[string]fs.FileMode{"a/b:0/text": 0o444, "a/b:0/secret": 0o400, "a/dir": fs.ModeDir | 0o755} {
		if fi, err := os.Stat(filepath.Join(root, name)); err != nil || fi.Mode() != mode {
			t.Errorf("%s: %v, %v, want %v", name, fi.Mode(), err, mode)
		}
	}
	for _, bad := range []string{"../out", "/etc/passwd", "a [9]", "../out -> x", "../d/"} {
		if err := unpack(root, txtar.File{Name: bad}); err == nil {
			t.Errorf("section %q was accepted", bad)
		}
	}
}

func TestAsNobody(t *testing.T) {
	path := filepath.Join(Host(t, "intel-2s"), "sys/class/powercap/intel-rapl:0/energy_uj")
	if os.Getuid() != 0 {
		path = filepath.Join(Host(t, "intel-eacces"), "sys/class/powercap/intel-rapl:1/energy_uj")
	} else if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	AsNobody(t, func() {
		if _, err := os.ReadFile(path); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("as nobody: %v, want a refusal", err)
		}
	})
	if os.Getuid() == 0 {
		if _, err := os.ReadFile(path); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

func TestLeaks(t *testing.T) {
	before, err := openFiles()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testutil_test.go")
	if err != nil {
		t.Fatal(err)
	}
	after, err := openFiles()
	if err != nil {
		t.Fatal(err)
	}
	if leaks := leakedFiles(before, after); len(leaks) != 1 || !strings.HasSuffix(leaks[0], "testutil_test.go") {
		t.Errorf("leaks %q, want the open file", leaks)
	}
	f.Close()

	stop := make(chan struct{})
	go func() { <-stop }()
	if leaks := strings.Join(leakedGoroutines(), "\n"); !strings.Contains(leaks, "TestLeaks") {
		t.Errorf("leaks %q, want the goroutine", leaks)
	}
	close(stop)
}
