package testutil

import (
	"os"
	"runtime"
	"testing"
)

// What differs between architectures is seen to differ.
func TestForeign(t *testing.T) {
	if os.Getenv("TESTUTIL_FOREIGN") != "" {
		SameOnBoth(t, runtime.GOARCH)
		return
	}
	want := map[string]string{"amd64": `"arm64"`, "arm64": `"amd64"`}[runtime.GOARCH]
	if got := string(Foreign(t, "^TestForeign$")); got != want {
		t.Errorf("the other architecture is %s, want %s", got, want)
	}
}
