package msr

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
	"github.com/energyprobe/energyprobe/internal/topology"
)

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

const (
	rootStatus     = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\n"
	userStatus     = "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t000001ffffffffff\n"
	dockerStatus   = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\n"
	dockerMounts   = "1 0 0:50 / / rw - overlay overlay rw,upperdir=/var/lib/docker/overlay2/x/diff\n"
	modulesWith    = "kernel/arch/x86/kernel/msr.ko.xz:\nkernel/drivers/powercap/intel_rapl_msr.ko.xz: kernel/x.ko.xz\n"
	modulesWithout = "kernel/drivers/powercap/intel_rapl_msr.ko.xz:\n"
)

// host writes files below a temporary root.
func host(t *testing.T, status string, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{
		"proc/self/status":          status,
		"proc/self/uid_map":         "0 0 4294967295\n",
		"proc/sys/kernel/osrelease": "6.1.0-56-amd64\n",
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestExplain(t *testing.T) {
	const dep = "lib/modules/6.1.0-56-amd64/modules.dep"
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		status string
		files  map[string]string
		errno  unix.Errno
		kind   error
		reason string
		remedy string
	}{
		{"driver not loaded", rootStatus, map[string]string{dep: modulesWith}, unix.ENOENT,
			energy.ErrAbsent, "driver is not loaded", "sudo modprobe msr"},
		{"node without a driver", rootStatus, map[string]string{dep: modulesWith}, unix.ENXIO,
			energy.ErrAbsent, "driver is not loaded", "sudo modprobe msr"},
		{"kernel without the driver", rootStatus, map[string]string{dep: modulesWithout}, unix.ENOENT,
			energy.ErrAbsent, "no msr.ko", ""},
		{"no modules at all", rootStatus, nil, unix.ENOENT,
			energy.ErrAbsent, "modules.dep is missing", ""},
		{"driver without nodes", rootStatus, map[string]string{"sys/class/msr/msr0/dev": "202:0"}, unix.ENOENT,
			energy.ErrAbsent, "device node is missing", "sudo mkdir -p /dev/cpu/0 && sudo mknod -m 600 /dev/cpu/0/msr c 202 0"},
		{"container without devices", dockerStatus, map[string]string{"proc/self/mountinfo": dockerMounts, "sys/class/msr/msr0/dev": "202:0"}, unix.ENOENT,
			energy.ErrAbsent, "not given the device", "start the container with --device=/dev/cpu/0/msr:/dev/cpu/0/msr:r --device=/dev/cpu/8/msr:/dev/cpu/8/msr:r --cap-add=SYS_RAWIO"},
		{"container, driver not loaded", dockerStatus, map[string]string{"proc/self/mountinfo": dockerMounts}, unix.ENOENT,
			energy.ErrAbsent, "driver is not loaded", "on the host: sudo modprobe msr; then start the container with --device=/dev/cpu/0/msr:/dev/cpu/0/msr:r --device=/dev/cpu/8/msr:/dev/cpu/8/msr:r --cap-add=SYS_RAWIO"},
		{"user", userStatus, nil, unix.EACCES,
			energy.ErrForbidden, "readable for root only", "sudo setcap cap_dac_read_search,cap_sys_rawio+ep " + exe},
		{"user, device made readable", userStatus, nil, unix.EPERM,
			energy.ErrForbidden, "takes CAP_SYS_RAWIO", "sudo setcap cap_sys_rawio+ep " + exe},
		{"root of a container", dockerStatus, map[string]string{"proc/self/mountinfo": dockerMounts}, unix.EPERM,
			energy.ErrForbidden, "takes CAP_SYS_RAWIO", "start the container with --cap-add=SYS_RAWIO (Kubernetes: securityContext.capabilities.add)"},
		{"device cgroup", rootStatus, map[string]string{"proc/self/mountinfo": dockerMounts}, unix.EPERM,
			energy.ErrForbidden, "may not use the device", "start the container with --device=/dev/cpu/0/msr:/dev/cpu/0/msr:r --device=/dev/cpu/8/msr:/dev/cpu/8/msr:r --cap-add=SYS_RAWIO"},
		{"security module", rootStatus, map[string]string{"sys/kernel/security/lsm": "lockdown,capability,selinux"}, unix.EPERM,
			energy.ErrForbidden, "in force: lockdown, capability, selinux", ""},
		{"no MSRs", rootStatus, nil, unix.EIO, energy.ErrAbsent, "the processor has no MSRs", ""},
		{"something else", rootStatus, nil, unix.EMFILE, energy.ErrBroken, "too many open files", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := host(t, c.status, c.files)
			path := devicePath(root, 0)
			err := explain(root, &openError{cpus: []int{0, 8}, err: &os.PathError{Op: "open", Path: path, Err: c.errno}}, &topology.Topology{})
			var r *energy.Refusal
			if !errors.As(err, &r) {
				t.Fatalf("%v is no refusal", err)
			}
			if r.Kind != c.kind || r.Name != "msr" || !errors.Is(err, c.errno) {
				t.Errorf("%v is not %v", err, c.kind)
			}
			if !strings.Contains(r.Reason, c.reason) || !strings.Contains(r.Reason, path) {
				t.Errorf("reason %q does not say %q and %s", r.Reason, c.reason, path)
			}
			if r.Remedy != c.remedy {
				t.Errorf("remedy %q\nwant   %q", r.Remedy, c.remedy)
			}
		})
	}
}

// TestOpenForbidden goes the whole way through a real file that may not be
// read.
func TestOpenForbidden(t *testing.T) {
	root := host(t, userStatus, map[string]string{"dev/cpu/0/msr": ""})
	if err := os.Chmod(devicePath(root, 0), 0); err != nil {
		t.Fatal(err)
	}
	for dir := root; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	m := newMachine(intel(0x55), 1, 1, 1, 1)
	testutil.AsNobody(t, func() {
		_, err := Open(root, m.topo)
		if !errors.Is(err, energy.ErrForbidden) || !errors.Is(err, unix.EACCES) {
			t.Errorf("%v is not forbidden", err)
		}
	})
}

func TestOpenBroken(t *testing.T) {
	root := host(t, rootStatus, map[string]string{"dev/cpu/0/msr": "short"})
	m := newMachine(intel(0x55), 1, 1, 1, 1)
	if _, err := Open(root, m.topo); !errors.Is(err, energy.ErrBroken) {
		t.Errorf("a device that ends early gives %v", err)
	}
}

// TestLiveHost: whatever this machine has, the answer is a source that reads
// or a refusal that says why.
func TestLiveHost(t *testing.T) {
	topo, err := topology.Read("/")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open("/", topo, WithCores())
	if err != nil {
		var r *energy.Refusal
		if !errors.As(err, &r) || r.Reason == "" {
			t.Fatalf("%v is no refusal with a reason", err)
		}
		t.Log(err)
		return
	}
	defer s.Close()
	r := energy.NewReading(len(s.Zones()))
	if err := s.Read(r); err != nil {
		t.Fatal(err)
	}
	t.Log(ids(s), r.Counts)
}
