// Package testutil is for tests: captured hosts, a check for leaks, a way to
// be somebody without privileges, and the other architecture.
package testutil

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Host unpacks testdata/hosts/NAME.txtar into a temporary directory and
// returns that directory, the host's root.
//
// Archives and not trees, because Go module zips allow neither ':' in file
// names nor symbolic links. A section of the archive is one of
//
//	path              a file, mode 0444
//	path [0400]       a file with another mode
//	path/             a directory that is empty or stands where readers expect a file
//	path -> target    a symbolic link
//
// The archives are written by hostgen, see its package comment.
func Host(tb testing.TB, name string) string {
	tb.Helper()
	archive, err := txtar.ParseFile(filepath.Join(HostsDir(tb), name+".txtar"))
	if err != nil {
		tb.Fatalf("captured host: %v", err)
	}
	root := tempDir(tb)
	for _, f := range archive.Files {
		if err := unpack(root, f); err != nil {
			tb.Fatalf("captured host %s: %v", name, err)
		}
	}
	return root
}

// tempDir returns a new directory, in memory where the machine has a place
// for that: a host is hundreds of files, and making them on a disk takes ten
// times as long.
func tempDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "host-")
	if err != nil {
		// Not t.TempDir, whose parent only its owner can enter.
		if dir, err = os.MkdirTemp("", "host-"); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	// AsNobody has to be able to get in.
	if err := os.Chmod(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// Hosts returns the names of all captured hosts.
func Hosts(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(HostsDir(tb), "*.txtar"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no captured hosts: %v", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".txtar")
	}
	return files
}

// HostsDir returns testdata/hosts of the module in which the test runs.
func HostsDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata", "hosts")
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}

func unpack(root string, f txtar.File) error {
	name, target, isLink := strings.Cut(f.Name, " -> ")
	mode := fs.FileMode(0o444)
	if rest, m, ok := strings.Cut(name, " ["); ok {
		bits, err := strconv.ParseUint(strings.TrimSuffix(m, "]"), 8, 9)
		if err != nil {
			return fmt.Errorf("section %q: %w", f.Name, err)
		}
		name, mode = rest, fs.FileMode(bits)
	}
	isDir := strings.HasSuffix(name, "/")
	if !filepath.IsLocal(strings.TrimSuffix(name, "/")) {
		return fmt.Errorf("section %q is not below the root", f.Name)
	}
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch {
	case isLink:
		return os.Symlink(target, path)
	case isDir:
		return os.MkdirAll(path, 0o755)
	}
	if err := os.WriteFile(path, f.Data, mode); err != nil || mode&0o077 == 0 {
		return err
	}
	return os.Chmod(path, mode) // whatever the umask
}

// Write puts a file with this content in a host's place, whatever was there.
func Write(tb testing.TB, root, name, content string) {
	tb.Helper()
	path := filepath.Join(root, name)
	if err := os.RemoveAll(path); err != nil {
		tb.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		tb.Fatal(err)
	}
}
