package ml

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// Compiled for arm64, which has instructions that multiply and add at once, no
// package that computes has one: they round once where others round twice.
func TestNothingIsFused(t *testing.T) {
	const of = "github.com/energyprobe/energyprobe/bench/app/"
	for _, pkg := range []string{"pca", "boost", "ml"} {
		c := exec.Command("go", "build", "-gcflags=-S", of+pkg)
		c.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", pkg, err, out)
		}
		if !bytes.Contains(out, []byte("TEXT")) {
			t.Fatalf("%s: no assembly was printed", pkg)
		}
		if pkg != "ml" && !bytes.Contains(out, []byte("FMULD")) {
			t.Errorf("%s: no multiplication was found, so this test sees nothing", pkg)
		}
		for _, line := range regexp.MustCompile(`.*\bFN?M(ADD|SUB)[DS]?\b.*`).FindAll(out, -1) {
			t.Errorf("%s: %s", pkg, line)
		}
	}
}
