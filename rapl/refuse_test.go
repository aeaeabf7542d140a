package rapl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestForbidden(t *testing.T) {
	root := testutil.Host(t, "intel-2s")
	zones, err := filepath.Glob(root + "/sys/class/powercap/*/energy_uj")
	if err != nil || len(zones) != 4 {
		t.Fatal(zones, err)
	}
	for _, z := range zones { // these files' owner may be who runs the tests
		if err := os.Chmod(z, 0); err != nil {
			t.Fatal(err)
		}
	}
	testutil.AsNobody(t, func() {
		_, err := tryOpen(root)
		all := energy.Refusals("?", err)
		if len(all) != 1 || !errors.Is(all[0], energy.ErrForbidden) {
			t.Fatalf("refusals %v, want one that says forbidden", all)
		}
		r := all[0]
		if !strings.Contains(r.Reason, root+"/sys/class/powercap/intel-rapl/intel-rapl:0/energy_uj: permission denied (and 3 more zones)") || r.Remedy == "" {
			t.Errorf("refusal is %v", r)
		}
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("the cause is lost: %v", err)
		}
	})
}

func TestPartlyForbidden(t *testing.T) {
	root := testutil.Host(t, "intel-eacces")
	testutil.AsNobody(t, func() {
		s := open(t, root)
		if n := len(s.Zones()); n != 2 || s.Zones()[0].ID() != "package-0" || s.Zones()[1].ID() != "dram-0" {
			t.Errorf("zones %v", s.Zones())
		}
		var names []string
		for _, r := range s.Refused() {
			names = append(names, r.Name)
			if !errors.Is(r, energy.ErrForbidden) || r.Remedy == "" {
				t.Errorf("refusal %v", r)
			}
		}
		if got := strings.Join(names, " "); got != "package-1 dram-1" {
			t.Errorf("refused %q", got)
		}
	})
}

func TestRemedy(t *testing.T) {
	all := ^priv.Set(0)
	state := func(uid int, effective, bounding priv.Set, hostNS bool, confinement string) *priv.State {
		s := &priv.State{InitialUserNS: hostNS, Confinement: confinement, Kernel: priv.Kernel{Major: 6, Minor: 1}}
		s.UID.Effective, s.Effective, s.Permitted, s.Bounding = uid, effective, effective, bounding
		return s
	}
	for _, c := range []struct {
		what  string
		state *priv.State
		want  string
	}{
		{"an ordinary user", state(1000, 0, all, true, ""), "sudo setcap cap_dac_read_search+ep "},
		{"a user of a container", state(1000, 0, 0, true, ""), "run as root (in a container: --user 0)"},
		{"root in a user namespace", state(0, all, all, false, ""), "outside of this user namespace"},
		{"root in Docker", state(0, all, all, true, "docker-default (enforce)"), "a security module denies it (docker-default (enforce)): in a container, start it with -v /sys:/host/sys:ro"},
	} {
		if got := remedyFor(c.state); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// TestNoTree takes the sights away one by one that make up a host.
func TestNoTree(t *testing.T) {
	remove := func(names ...string) func(string) {
		return func(root string) {
			for _, n := range names {
				if err := os.RemoveAll(root + "/" + n); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, c := range []struct {
		what, host string
		change     func(root string)
		kind       error
		reason     string
		remedy     string
	}{
		{"no /sys", "intel-2s", remove("sys"), energy.ErrAbsent, "there is no ROOT/sys", "mount the host's /sys there: -v /sys:ROOT/sys:ro"},
		{"class directory only", "intel-2s", remove("sys/devices"), energy.ErrForbidden, "only the class directory", "mount all of it: -v /sys:ROOT/sys:ro"},
		{"masked, host not mounted", "container", remove("host"), energy.ErrForbidden, "the container runtime masks", "start the container with -v /sys:/host/sys:ro and give --host-root /host"},
		{"kernel without powercap", "intel-unloaded", remove("sys/class/powercap"), energy.ErrAbsent, "built without powercap", "boot a kernel with CONFIG_POWERCAP=y and CONFIG_INTEL_RAPL=m"},
		{"control type without zones", "intel-1s", remove("sys/devices/virtual/powercap/intel-rapl/intel-rapl:0"), energy.ErrAbsent, "holds no zone: intel_rapl_msr is loaded", ""},
		{"processor older than RAPL", "intel-unloaded", func(root string) {
			testutil.Write(t, root, "proc/cpuinfo", "processor: 0\nvendor_id: GenuineIntel\ncpu family: 6\nmodel: 44\nmodel name: Westmere\nflags: fpu\n")
		}, energy.ErrAbsent, "(Westmere) has no RAPL", ""},
		{"a file for a directory", "intel-1s", func(root string) {
			remove("sys/class/powercap/intel-rapl")(root)
			testutil.Write(t, root, "sys/class/powercap/intel-rapl", "")
		}, energy.ErrBroken, "sys/class/powercap/intel-rapl: ", ""},
		{"only dtpm", "intel-dtpm", remove("sys/class/powercap/intel-rapl", "sys/devices/virtual/powercap/intel-rapl", "sys/module"), energy.ErrAbsent, "not loaded", "sudo modprobe intel_rapl_msr"},
	} {
		t.Run(c.what, func(t *testing.T) {
			root := testutil.Host(t, c.host)
			c.change(root)
			_, err := tryOpen(root)
			all := energy.Refusals("?", err)
			if len(all) != 1 || !errors.Is(all[0], c.kind) {
				t.Fatalf("refusals %v, want one: %v", all, c.kind)
			}
			if reason := strings.ReplaceAll(c.reason, "ROOT", root); !strings.Contains(all[0].Reason, reason) {
				t.Errorf("reason is %q, want %q", all[0].Reason, reason)
			}
			if remedy := strings.ReplaceAll(c.remedy, "ROOT", root); all[0].Remedy != remedy {
				t.Errorf("remedy is %q, want %q", all[0].Remedy, remedy)
			}
		})
	}
	if _, err := tryOpen(t.TempDir() + "/nowhere"); !errors.Is(err, energy.ErrAbsent) {
		t.Errorf("a root that is not there: %v", err)
	}
}
