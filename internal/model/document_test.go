package model

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whatever a path leads to, there is an answer at once, and it names the path.
func TestReadProfileOfNoFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		unix.Mkfifo(at("fifo"), 0o600),
		os.Symlink("fifo", at("link")),
		os.Symlink("loop", at("loop")),
		os.WriteFile(at("huge"), nil, 0o600),
		os.Truncate(at("huge"), 100<<20), // 100 MB of zeros that take no room
		os.WriteFile(at("empty"), nil, 0o600),
		os.WriteFile(at("text"), []byte("tdp_w = 150\n"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for _, c := range []struct{ path, want string }{
		{dir, "it is a directory, and no file"},
		{at("fifo"), "it is a FIFO, and no file"},
		{at("link"), "it is a FIFO, and no file"},
		{at("loop"), "too many levels of symbolic links"},
		{at("socket"), "no such device or address"},
		{"/dev/zero", "it is a device, and no file"},
		{"/dev/null", "it is a device, and no file"},
		{at("huge"), "it is larger than 1048576 bytes"},
		{at("empty"), "line 1: unexpected end of JSON input"},
		{at("text"), "line 1: invalid character"},
		{at("none"), "no such file or directory"},
		{at("empty") + "/profile.json", "not a directory"},
	} {
		answer := make(chan error, 1)
		go func() {
			_, err := ReadProfile(c.path)
			answer <- err
		}()
		select {
		case err := <-answer:
			if err == nil || !strings.Contains(err.Error(), c.path) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q and the path", c.path, err, c.want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: no answer", c.path) // the goroutine is lost, and so is the test
		}
	}
}

// The field is told where a document fails, and none where nothing is wrong.
func TestFaultIn(t *testing.T) {
	for _, c := range []struct{ in, field, fault string }{
		{`{"a":[{"b":1},{"b":2,"c":[1,2]}],"d":null}`, "", ""},
		{`{"a":[1,{"b":`, "a[1].b", ""},
		{`{"a":[[1],[2,`, "a[1][1]", ""},
		{`{"a":{"b":x`, "a.b", ""},
		{`{"a":{},"b":[],"c" `, "c", ""},
		{`{"a":1,"b":{"a":1,"a":2}}`, "b.a", "it is there twice"},
		{`{"a":1,"b":2,"A":3}`, "A", "it is there twice"},
		{`[{"a":1},{"a":1}]`, "", ""},
		{`{"a":-2e9}`, "a", "-2e+09 is more than any host has"},
		{`{"seed":2e9}`, "", ""},
		{`{"a":{"seed":2e9}}`, "a.seed", "2e+09 is more than any host has"},
		{``, "", ""},
		{`7`, "", ""},
		{`{} {"a":1,"a":1}`, "", ""},
	} {
		field, err := faultIn([]byte(c.in))
		fault := ""
		if err != nil {
			fault = err.Error()
		}
		if field != c.field || fault != c.fault {
			t.Errorf("%s: %q, %q; want %q, %q", c.in, field, fault, c.field, c.fault)
		}
	}
}

// No bytes make the walk panic or go on without end.
func FuzzFaultIn(f *testing.F) {
	for _, s := range []string{`{"a":[{"b":1},{"b":2}]}`, `{"a":1,"a":2}`, `[[[[`, `{"":{"":1}}`, `{"a"`, "]", `{"a":1e999}`, "{}{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		field, err := faultIn(data)
		if err != nil && err.Error() == "" {
			t.Errorf("%q: a fault that says nothing", field)
		}
	})
}
