package testutil

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// foreignEnv names the file to which a test that runs on the other
// architecture writes what it found.
const foreignEnv = "TESTUTIL_FOREIGN"

// foreign says what is the other architecture of a machine, and who runs its
// programs there.
var foreign = map[string]struct{ arch, qemu string }{
	"amd64": {"arm64", "qemu-aarch64-static"},
	"arm64": {"amd64", "qemu-x86_64-static"},
}

// SameOnBoth runs this very test once more, built for the other architecture
// and started under QEMU's user emulation, and fails where found isn't the same
// there to the last bit. It is called once by a test that is no subtest:
//
//	func TestSameOnBoth(t *testing.T) { testutil.SameOnBoth(t, checksums(t)) }
//
// What was found goes through encoding/json, which keeps all bits of a number.
func SameOnBoth(t *testing.T, found any) {
	t.Helper()
	own, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv(foreignEnv); path != "" {
		if err := os.WriteFile(path, own, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	other := Foreign(t, "^"+t.Name()+"$")
	if string(own) != string(other) {
		t.Errorf("%s comes to %s\n%s comes to %s", runtime.GOARCH, own, foreign[runtime.GOARCH].arch, other)
		return
	}
	t.Logf("%s and %s: %s", runtime.GOARCH, foreign[runtime.GOARCH].arch, own)
}

// Foreign builds the tests of the working directory's package for the other
// architecture, runs those that match under QEMU, and returns what one of them
// gave to SameOnBoth.
func Foreign(tb testing.TB, match string) []byte {
	tb.Helper()
	other, known := foreign[runtime.GOARCH]
	if !known {
		tb.Fatalf("no other architecture is known for %s", runtime.GOARCH)
	}
	qemu, err := exec.LookPath(other.qemu)
	if err != nil {
		tb.Fatalf("%v: apt-get install -y qemu-user-static (make deps does)", err)
	}
	dir := tb.TempDir()
	binary, result := filepath.Join(dir, "foreign.test"), filepath.Join(dir, "found.json")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOARCH="+other.arch)
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build tests for %s: %v\n%s", other.arch, err, out)
	}
	test := exec.Command(qemu, binary, "-test.run", match)
	test.Env = append(os.Environ(), foreignEnv+"="+result)
	if out, err := test.CombinedOutput(); err != nil {
		tb.Fatalf("test %s on %s: %v\n%s", match, other.arch, err, out)
	}
	found, err := os.ReadFile(result)
	if err != nil {
		tb.Fatalf("test %s on %s gave no result: %v", match, other.arch, err)
	}
	return found
}
