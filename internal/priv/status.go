package priv

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// IDs are a process's user or group IDs, as its user namespace numbers them.
type IDs struct{ Real, Effective, Saved, FS int }

// SeccompMode is the Seccomp line of /proc/PID/status.
type SeccompMode int

// The modes of seccomp(2). A filter may forbid perf_event_open and bpf: the
// default profiles of docker and podman do without CAP_PERFMON and CAP_BPF.
const (
	SeccompOff    SeccompMode = 0
	SeccompStrict SeccompMode = 1
	SeccompFilter SeccompMode = 2
)

// Status is the part of /proc/PID/status about privilege.
type Status struct {
	UID, GID   IDs
	Effective  Set // what the process may do now
	Permitted  Set // what it may make effective
	Bounding   Set // what an exec can give it at most
	Ambient    Set // what it passes on to programs without file capabilities
	NoNewPrivs bool
	Seccomp    SeccompMode
}

// ParseStatus parses /proc/PID/status (proc_pid_status(5)). Lines it does not
// need are skipped; the IDs and capability sets must be there.
func ParseStatus(b []byte) (Status, error) {
	var s Status
	need := map[string]bool{"Uid": true, "Gid": true, "CapEff": true, "CapPrm": true, "CapBnd": true}
	for line := range bytes.Lines(b) {
		key, value, ok := strings.Cut(string(line), ":")
		if !ok {
			continue
		}
		if err := s.field(key, strings.TrimSpace(value)); err != nil {
			return Status{}, fmt.Errorf("parse %s: %w", key, err)
		}
		delete(need, key)
	}
	for _, key := range []string{"Uid", "Gid", "CapEff", "CapPrm", "CapBnd"} {
		if need[key] {
			return Status{}, fmt.Errorf("no line %s", key)
		}
	}
	return s, nil
}

func (s *Status) field(key, value string) (err error) {
	switch key {
	case "Uid":
		s.UID, err = parseIDs(value)
	case "Gid":
		s.GID, err = parseIDs(value)
	case "CapEff":
		s.Effective, err = parseSet(value)
	case "CapPrm":
		s.Permitted, err = parseSet(value)
	case "CapBnd":
		s.Bounding, err = parseSet(value)
	case "CapAmb":
		s.Ambient, err = parseSet(value)
	case "NoNewPrivs":
		s.NoNewPrivs, err = strconv.ParseBool(value)
	case "Seccomp":
		var mode int
		mode, err = strconv.Atoi(value)
		s.Seccomp = SeccompMode(mode)
	}
	return err
}

func parseSet(s string) (Set, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	return Set(v), err
}

func parseIDs(s string) (IDs, error) {
	f := strings.Fields(s)
	if len(f) != 4 {
		return IDs{}, fmt.Errorf("%q has %d IDs, want 4", s, len(f))
	}
	var ids [4]int
	for i := range f {
		v, err := strconv.ParseUint(f[i], 10, 32)
		if err != nil {
			return IDs{}, err
		}
		ids[i] = int(v)
	}
	return IDs{ids[0], ids[1], ids[2], ids[3]}, nil
}

// IDRange is a line of /proc/PID/uid_map: Count IDs from Inside on are those
// from Outside on in the namespace of whoever reads the file.
type IDRange struct{ Inside, Outside, Count uint32 }

// ParseIDMap parses /proc/PID/uid_map or gid_map (user_namespaces(7)). An
// empty map is one that has not been written yet: no ID is mapped.
func ParseIDMap(b []byte) ([]IDRange, error) {
	var m []IDRange
	for line := range bytes.Lines(b) {
		f := strings.Fields(string(line))
		if len(f) == 0 {
			continue
		}
		if len(f) != 3 {
			return nil, fmt.Errorf("parse ID map: %q has %d fields, want 3", strings.TrimSpace(string(line)), len(f))
		}
		var v [3]uint32
		for i := range f {
			n, err := strconv.ParseUint(f[i], 10, 32)
			if err != nil {
				return nil, fmt.Errorf("parse ID map: %w", err)
			}
			v[i] = uint32(n)
		}
		m = append(m, IDRange{v[0], v[1], v[2]})
	}
	return m, nil
}

// identity reports whether a map is that of the initial user namespace: every
// ID maps to itself.
func identity(m []IDRange) bool {
	return len(m) == 1 && m[0] == IDRange{0, 0, 1<<32 - 1}
}
