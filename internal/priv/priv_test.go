package priv

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

const rootStatus = `Name:	bash
Umask:	0022
State:	S (sleeping)
Uid:	0	0	0	0
Gid:	0	0	0	0
Groups:	0 
CapInh:	0000000000000000
CapPrm:	000001ffffffffff
CapEff:	000001ffffffffff
CapBnd:	000001ffffffffff
CapAmb:	0000000000000000
NoNewPrivs:	0
Seccomp:	0
Seccomp_filters:	0
`

const userStatus = `Uid:	1000	1000	1000	1000
Gid:	1000	100	1000	1000
CapPrm:	0000004000000000
CapEff:	0000004000000000
CapBnd:	000001ffffffffff
NoNewPrivs:	1
Seccomp:	2
`

// dockerStatus is docker's default set: 14 capabilities, none of them ours.
const dockerStatus = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\n"

func TestParseStatus(t *testing.T) {
	root, err := ParseStatus([]byte(rootStatus))
	if err != nil {
		t.Fatal(err)
	}
	if root.UID.Effective != 0 || !root.Effective.Has(CheckpointRestore) || root.Effective.Has(41) || root.NoNewPrivs || root.Seccomp != SeccompOff {
		t.Errorf("root: %+v", root)
	}
	user, err := ParseStatus([]byte(userStatus))
	if err != nil {
		t.Fatal(err)
	}
	want := Status{
		UID: IDs{1000, 1000, 1000, 1000}, GID: IDs{1000, 100, 1000, 1000},
		// Bit 38 of 0x4000000000 is CAP_PERFMON.
		Effective: Of(Perfmon), Permitted: Of(Perfmon), Bounding: 1<<41 - 1,
		NoNewPrivs: true, Seccomp: SeccompFilter,
	}
	if diff := cmp.Diff(want, user); diff != "" {
		t.Error(diff)
	}
	// 0xa80425fb: bit 17 (SYS_RAWIO) and 38 are clear, 6 and 7 (SETGID,
	// SETUID) set.
	docker, err := ParseStatus([]byte(dockerStatus))
	if err != nil || docker.Effective.Has(SysRawIO) || docker.Effective.Has(Perfmon) || !docker.Effective.Has(SetUID) || !docker.Effective.Has(SetGID) {
		t.Errorf("docker: %+v, %v", docker, err)
	}
}

func TestParseStatusRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":         "",
		"no CapEff":     strings.Replace(rootStatus, "CapEff:", "CapXxx:", 1),
		"bad set":       strings.Replace(rootStatus, "CapEff:\t000001ffffffffff", "CapEff:\txyz", 1),
		"three IDs":     strings.Replace(rootStatus, "Uid:\t0\t0\t0\t0", "Uid:\t0\t0\t0", 1),
		"negative ID":   strings.Replace(rootStatus, "Gid:\t0", "Gid:\t-1", 1),
		"bad seccomp":   strings.Replace(rootStatus, "Seccomp:\t0", "Seccomp:\tmaybe", 1),
		"set too large": strings.Replace(rootStatus, "CapBnd:\t0", "CapBnd:\t1", 1) + "CapBnd:\t1ffffffffffffffff\n",
	} {
		if s, err := ParseStatus([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// A process in very many groups has a line longer than most buffers.
	if _, err := ParseStatus([]byte("Groups:\t" + strings.Repeat("123456 ", 65536) + "\n" + rootStatus)); err != nil {
		t.Errorf("long line: %v", err)
	}
}

func TestParseIDMap(t *testing.T) {
	for _, c := range []struct {
		text    string
		want    []IDRange
		initial bool
	}{
		{"         0          0 4294967295\n", []IDRange{{0, 0, 4294967295}}, true},
		{"0 1000 1\n", []IDRange{{0, 1000, 1}}, false},
		{"0 0 65536\n", []IDRange{{0, 0, 65536}}, false},
		{"0 100000 65536\n65536 0 1\n", []IDRange{{0, 100000, 65536}, {65536, 0, 1}}, false},
		{"", nil, false},
	} {
		got, err := ParseIDMap([]byte(c.text))
		if err != nil || !reflect.DeepEqual(got, c.want) || identity(got) != c.initial {
			t.Errorf("%q: %v, %v, initial %v", c.text, got, err, identity(got))
		}
	}
	for _, bad := range []string{"0 0", "0 0 -1", "a b c", "0 0 4294967296", "0 0 1 2"} {
		if m, err := ParseIDMap([]byte(bad)); err == nil {
			t.Errorf("%q: %v", bad, m)
		}
	}
}

func TestParseRelease(t *testing.T) {
	for text, want := range map[string][3]int{
		"6.1.0-56-amd64":                        {6, 1, 0},
		"6.18.44-fc-v657":                       {6, 18, 44},
		"5.15.167.4-microsoft-standard-WSL2":    {5, 15, 167},
		"6.12":                                  {6, 12, 0},
		"6.12-rc3":                              {6, 12, 0},
		"4.18.0-553.el8_10.x86_64":              {4, 18, 0},
		"3.10.0-1160.119.1.el7.x86_64":          {3, 10, 0},
		"6.8.0-1017-aws":                        {6, 8, 0},
		"5.10.":                                 {5, 10, 0},
		"6.1.99999999999999999999-does-not-fit": {6, 1, 0},
	} {
		k, err := ParseRelease(text)
		if err != nil || [3]int{k.Major, k.Minor, k.Patch} != want || k.Release != text {
			t.Errorf("%q: %+v, %v", text, k, err)
		}
	}
	for _, bad := range []string{"", "6", "6-1", "x.y", ".6", "linux", "99999999999999999999.1"} {
		if k, err := ParseRelease(bad); err == nil {
			t.Errorf("%q: %+v", bad, k)
		}
	}
	k, _ := ParseRelease("5.8.1")
	if !k.AtLeast(5, 8) || !k.AtLeast(4, 20) || k.AtLeast(5, 9) || k.AtLeast(6, 0) {
		t.Error("5.8.1 compares wrongly")
	}
}

func TestParseLockdown(t *testing.T) {
	for text, want := range map[string]Lockdown{
		"[none] integrity confidentiality": LockdownNone,
		"none [integrity] confidentiality": LockdownIntegrity,
		"none integrity [confidentiality]": LockdownConfidentiality,
	} {
		if got, err := ParseLockdown(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "none integrity", "[unheard-of]", "[none"} {
		if got, err := ParseLockdown(bad); err == nil || got != LockdownUnknown {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
}

func TestSetcapLine(t *testing.T) {
	for _, c := range []struct {
		exe  string
		caps []Cap
		want string
	}{
		{"/usr/bin/energyprobe", []Cap{Perfmon}, "sudo setcap cap_perfmon+ep /usr/bin/energyprobe"},
		{"/opt/e p/x", []Cap{SysRawIO, DACReadSearch, SysRawIO}, "sudo setcap cap_dac_read_search,cap_sys_rawio+ep '/opt/e p/x'"},
		{"/it's", []Cap{BPF, Perfmon}, `sudo setcap cap_perfmon,cap_bpf+ep "/it's"`},
		{"/$(reboot)", []Cap{63}, "sudo setcap 63+ep '/$(reboot)'"},
	} {
		if got := SetcapLine(c.exe, c.caps...); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
	if exe, err := os.Executable(); err != nil || !strings.HasSuffix(SetcapLine("", BPF), exe) {
		t.Errorf("%s does not name %s", SetcapLine("", BPF), exe)
	}
}

func TestHasAndRemedy(t *testing.T) {
	state := func(status, release string, initial bool) *State {
		s, err := ParseStatus([]byte(status))
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParseRelease(release)
		if err != nil {
			t.Fatal(err)
		}
		return &State{Status: s, Kernel: k, InitialUserNS: initial}
	}
	plain := strings.Replace(userStatus, "NoNewPrivs:\t1", "NoNewPrivs:\t0", 1)
	bare := strings.ReplaceAll(plain, "0000004000000000", "0000000000000000")
	admin := strings.ReplaceAll(plain, "0000004000000000", "0000000000200000") // bit 21
	for _, c := range []struct {
		name   string
		s      *State
		caps   []Cap
		missed []Cap
		remedy string
	}{
		{"root", state(rootStatus, "6.1", true), []Cap{Perfmon, BPF, SysRawIO}, nil, ""},
		{"user", state(bare, "6.1", true), []Cap{Perfmon}, []Cap{Perfmon}, "sudo setcap cap_perfmon+ep /e"},
		{"user of an old kernel", state(bare, "5.4", true), []Cap{Perfmon, BPF}, []Cap{SysAdmin}, "sudo setcap cap_sys_admin+ep /e"},
		{"the line keeps what the file had", state(plain, "6.1", true), []Cap{Perfmon, BPF}, []Cap{BPF}, "sudo setcap cap_perfmon,cap_bpf+ep /e"},
		{"CAP_SYS_ADMIN stands in", state(admin, "6.1", true), []Cap{Perfmon, BPF}, nil, ""},
		{"but not for MSRs", state(admin, "6.1", true), []Cap{SysRawIO}, []Cap{SysRawIO}, "sudo setcap cap_sys_rawio,cap_sys_admin+ep /e"},
		{"root of a user namespace", state(rootStatus, "6.1", false), []Cap{Perfmon}, []Cap{Perfmon},
			"run energyprobe outside of this user namespace (rootless container, unshare -U): inside it no capability counts over the host"},
		{"root of a container", state(dockerStatus, "6.1", true), []Cap{Perfmon, SysRawIO}, []Cap{SysRawIO, Perfmon},
			"start the container with --cap-add=SYS_RAWIO --cap-add=PERFMON (Kubernetes: securityContext.capabilities.add)"},
		{"user of a container", state(strings.ReplaceAll(dockerStatus, "Uid:\t0\t0\t0\t0", "Uid:\t7\t7\t7\t7"), "6.1", true), []Cap{Perfmon}, []Cap{Perfmon},
			"start the container as root (--user 0) with --cap-add=PERFMON: added capabilities do not reach another user without file capabilities"},
		{"no_new_privs", state(strings.ReplaceAll(userStatus, "0000004000000000", "0"), "6.1", true), []Cap{Perfmon}, []Cap{Perfmon},
			"run as root, or without no_new_privs (Kubernetes: allowPrivilegeEscalation: true) after: sudo setcap cap_perfmon+ep /e"},
		{"root that dropped all", state(strings.ReplaceAll(rootStatus, "CapEff:\t000001ffffffffff", "CapEff:\t0"), "6.1", true), []Cap{BPF}, []Cap{BPF}, "run as a root that kept CAP_BPF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.s.Missing(c.caps...); len(got)+len(c.missed) > 0 && !reflect.DeepEqual(got, c.missed) {
				t.Errorf("missing %v, want %v", got, c.missed)
			}
			if got := c.s.Remedy("/e", c.caps...); got != c.remedy {
				t.Errorf("remedy %s\nwant   %s", got, c.remedy)
			}
		})
	}
	// CAP_DAC_OVERRIDE reads as well.
	s := state(bare, "6.1", true)
	s.Effective = Of(DACOverride)
	if !s.Has(DACReadSearch) || s.Has(SysPtrace) {
		t.Error("CAP_DAC_OVERRIDE does not read past file modes")
	}
	if s.HostRoot() || !state(rootStatus, "6.1", true).HostRoot() || state(rootStatus, "6.1", false).HostRoot() {
		t.Error("HostRoot is wrong")
	}
}

func TestRead(t *testing.T) {
	root := t.TempDir()
	if _, err := Read(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty root: %v", err)
	}
	for name, text := range map[string]string{
		"proc/self/status":                          userStatus,
		"proc/self/uid_map":                         "0 1000 1\n",
		"proc/self/attr/current":                    "docker-default (enforce)\n",
		"proc/sys/kernel/osrelease":                 "5.15.0\n",
		"proc/sys/kernel/perf_event_paranoid":       "-1\n",
		"proc/sys/kernel/unprivileged_bpf_disabled": "2\n",
		"sys/kernel/security/lockdown":              "none [integrity] confidentiality\n",
		"sys/kernel/security/lsm":                   "lockdown,capability,apparmor",
		"sys/kernel/btf/vmlinux":                    "x",
	} {
		testutil.Write(t, root, name, text)
	}
	s, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	if s.InitialUserNS || s.Has(Perfmon) || s.Lockdown != LockdownIntegrity || !s.BTF || len(s.LSMs) != 3 || s.Confinement != "docker-default (enforce)" {
		t.Errorf("%+v", s)
	}
	if s.PerfEventParanoid == nil || *s.PerfEventParanoid != -1 || s.UnprivilegedBPF == nil || *s.UnprivilegedBPF != 2 {
		t.Errorf("paranoid %v, bpf %v", s.PerfEventParanoid, s.UnprivilegedBPF)
	}
	// A switch that is not there is unknown with a reason, not 0.
	if s.KptrRestrict != nil || len(s.Unknown) != 1 || !strings.Contains(s.Unknown[0].Error(), "kptr_restrict") {
		t.Errorf("kptr_restrict %v, unknown %v", s.KptrRestrict, s.Unknown)
	}
	testutil.Write(t, root, "proc/sys/kernel/perf_event_paranoid", "two\n")
	if s, err = Read(root); err != nil || s.PerfEventParanoid != nil || len(s.Unknown) != 2 {
		t.Errorf("a damaged switch: %v, %v", s.Unknown, err)
	}
	// Without user namespaces there is only the initial one.
	if err := os.Remove(filepath.Join(root, "proc/self/uid_map")); err != nil {
		t.Fatal(err)
	}
	if s, err = Read(root); err != nil || !s.InitialUserNS || !s.Has(Perfmon) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestReadLive(t *testing.T) {
	s, err := Read("/")
	if err != nil {
		t.Fatal(err)
	}
	if s.UID.Effective != os.Geteuid() || s.GID.Real != os.Getgid() || s.Kernel.Major < 3 {
		t.Errorf("%+v", s)
	}
}

func FuzzParseStatus(f *testing.F) {
	for _, seed := range []string{rootStatus, userStatus, dockerStatus, "", "Uid:\t1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStatus(b)
		if err != nil && s != (Status{}) {
			t.Fatalf("%+v along with %v", s, err)
		}
		if Of(s.Effective.Caps()...) != s.Effective {
			t.Fatalf("set %#x does not survive listing", s.Effective)
		}
	})
}

func FuzzParseIDMap(f *testing.F) {
	f.Add([]byte("0 0 4294967295\n"))
	f.Add([]byte("0 100000 65536\n1 2 3"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseIDMap(b)
		if err != nil && m != nil || len(m) > strings.Count(string(b), "\n")+1 {
			t.Fatalf("%q: %v, %v", b, m, err)
		}
	})
}

func FuzzParseRelease(f *testing.F) {
	for _, seed := range []string{"6.1.0-56-amd64", "6.12", "5.15.167.4-x", "..", "1.2.3.4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseRelease(s)
		if err == nil && (k.Major < 0 || k.Minor < 0 || k.Patch < 0 || !k.AtLeast(k.Major, k.Minor) || k.AtLeast(k.Major, k.Minor+1)) {
			t.Fatalf("%q: %+v", s, k)
		}
	})
}

func FuzzParseLockdown(f *testing.F) {
	f.Add("none [integrity] confidentiality")
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := ParseLockdown(s); (err == nil) == (m == LockdownUnknown) {
			t.Fatalf("%q: %q, %v", s, m, err)
		}
	})
}
