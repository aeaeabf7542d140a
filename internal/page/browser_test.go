package page

import (
	"bytes"
	"context"
	_ "embed" // the self-test
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// selftest uses the page as a reader would, and leaves what it found in an
// attribute of the page. It is no part of the pages that are written.
//
//go:embed testdata/selftest.js
var selftest string

// chromium returns the browser. Where the tests' packages are meant to be
// installed, CI_CHROMIUM is set and its absence is a failure.
func chromium(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	switch {
	case err == nil:
		return path
	case os.Getenv("CI_CHROMIUM") != "":
		t.Fatalf("%v: make deps installs it", err)
	}
	t.Skipf("no browser here: %v; make deps installs it", err)
	return ""
}

// browse opens a page and returns what the self-test found, and all that the
// browser had to say on its console.
func browse(t *testing.T, docs []Document, more string) (found map[string]any, console string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	var b bytes.Buffer
	if err := write(&b, docs, options(), script+more+selftest); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--enable-logging=stderr", "--virtual-time-budget=2000", "--window-size=1200,2400", "--dump-dom", "file://" + path}
	cmd := exec.CommandContext(ctx, chromium(t), args...)
	var dom, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &dom, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			console += line
		}
	}
	m := regexp.MustCompile(`data-selftest="([^"]*)"`).FindStringSubmatch(dom.String())
	if m == nil {
		t.Fatalf("the self-test did not run\n%s", log.String())
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &found); err != nil {
		t.Fatal(err)
	}
	return found, console
}

// TestInChromium: nothing on the console; values on hover and by keyboard; the
// page is no wider than the window.
func TestInChromium(t *testing.T) {
	found, console := browse(t, mixed(t), "")
	if console != "" {
		t.Errorf("the console says\n%s", console)
	}
	for _, name := range []string{"charts", "hover", "hidden", "focus", "keyboard", "home", "escape", "sources", "fits"} {
		if found[name] != true {
			t.Errorf("%s: %v", name, found[name])
		}
	}
	t.Logf("%v", found)
}

// TestPolicyHolds: a script that got into the page would not run.
func TestPolicyHolds(t *testing.T) {
	found, console := browse(t, mixed(t)[:2], "globalThis.attack = true;\n")
	if found["foreign"] != false {
		t.Errorf("a script that is not the page's ran: %v", found["foreign"])
	}
	if !strings.Contains(console, "Content Security Policy") {
		t.Error("the attack was not refused by the policy")
	}
}

// TestLargePagesOpen: the largest pages are ready in a moment.
func TestLargePagesOpen(t *testing.T) {
	for name, docs := range map[string][]Document{"history": history(t, 10_000), "hour": hour(t, 100_000)} {
		found, console := browse(t, docs, "")
		ms, _ := found["ready_ms"].(float64)
		t.Logf("%s: ready after %.0f ms", name, ms)
		// 2 s on a machine of one's own; the tests of other packages run beside
		// this one.
		if !(ms > 0 && ms < 8000) || console != "" {
			t.Errorf("%s: ready after %v ms; %s", name, found["ready_ms"], console)
		}
	}
}
