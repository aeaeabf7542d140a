package container

import (
	"bytes"
	"fmt"
	"strings"
)

// mount is a line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	root   string // what of the file system is mounted
	point  string // where, relative to the process's root
	fstype string
	source string
	super  string // the file system's own options
}

// parseMountinfo parses /proc/PID/mountinfo: "ID PARENT MAJ:MIN ROOT POINT
// OPTIONS [TAG...] - FSTYPE SOURCE SUPER". Later lines cover earlier ones.
func parseMountinfo(b []byte) ([]mount, error) {
	var mounts []mount
	for line := range bytes.Lines(b) {
		text := strings.TrimSuffix(string(line), "\n")
		if text == "" {
			continue
		}
		before, after, ok := strings.Cut(text, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(g) < 2 {
			return nil, fmt.Errorf("parse mountinfo: %.120q has too few fields", text)
		}
		m := mount{root: unescape(f[3]), point: unescape(f[4]), fstype: g[0], source: unescape(g[1])}
		if len(g) > 2 {
			m.super = g[2]
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// unescape undoes the kernel's \040 for blanks, tabs, line ends and
// backslashes (mangle in fs/proc_namespace.c).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }
