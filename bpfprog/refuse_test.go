package bpfprog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
)

// Every way in which a kernel says no is told from the others, and names what
// helps.
func TestRefuse(t *testing.T) {
	rights, err := priv.Read("")
	if err != nil {
		t.Fatal(err)
	}
	if len(rights.Missing(priv.BPF, priv.Perfmon)) > 0 {
		t.Skip("without the rights every refusal is for want of them")
	}
	for _, c := range []struct {
		name   string
		err    error
		kind   error
		reason string
		remedy string
	}{
		{"an old kernel", fmt.Errorf("load program: %w", ebpf.ErrNotSupported), energy.ErrAbsent, "load program", "Linux 5.11"},
		{"no BTF", fmt.Errorf("find /sys/kernel/btf/vmlinux: %w", fs.ErrNotExist), energy.ErrAbsent, "btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"},
		{"no bpf(2)", fmt.Errorf("map create: %w", unix.ENOSYS), energy.ErrAbsent, "seccomp filter", ""},
		{"forbidden with all rights", fmt.Errorf("map create: %w", unix.EPERM), energy.ErrForbidden, "stands in the way", ""},
		{"the verifier", &ebpf.VerifierError{Cause: unix.EINVAL, Log: []string{"R1 !read_ok", "processed 4 insns"}}, energy.ErrBroken, "R1 !read_ok", "report this kernel's version"},
		{"anything else", errors.New("out of luck"), energy.ErrBroken, "out of luck", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := refuse("load the eBPF programs", c.err)
			if !errors.Is(r, c.kind) || !strings.Contains(r.Reason, c.reason) || !strings.Contains(r.Remedy, c.remedy) || c.remedy == "" && r.Remedy != "" {
				t.Errorf("%s: %s; %s", r.KindName(), r.Reason, r.Remedy)
			}
			if !strings.HasPrefix(r.Reason, "load the eBPF programs: ") {
				t.Errorf("%q does not say what was tried", r.Reason)
			}
		})
	}
}

// Options that the programs have no room for are refused in words.
func TestRefusal(t *testing.T) {
	_, err := Open(Options{CPUs: 5000, Places: []energy.Place{{}}})
	var r *energy.Refusal
	if !errors.As(err, &r) || !strings.Contains(r.Reason, "5000 CPUs") {
		t.Errorf("refused with %v", err)
	}
}

// openWithoutRights prints what it is refused with.
func openWithoutRights() {
	_, err := Open(Options{CPUs: runtime.NumCPU(), Places: []energy.Place{{Die: -1, CPUs: []int{0}}}})
	for _, r := range energy.Refusals("ebpf", err) {
		fmt.Printf("%s|%s|%s\n", r.KindName(), r.Reason, r.Remedy)
	}
}

// A process without rights is told which it needs, and how to get them.
func TestRefusalWithoutRights(t *testing.T) {
	mayLoad(t)
	// The test's own file lies where nobody else may look.
	exe := filepath.Join(t.TempDir(), "bpf.test")
	for dir := filepath.Dir(exe); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), playVar+"=open")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"forbidden|", "CAP_BPF", "sudo setcap ", "cap_perfmon"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in the refusal:\n%s", want, out)
		}
	}
}

// A seccomp filter hides bpf(2), or refuses it, from a process that has all
// rights: that is said, and not taken for anything else.
func TestRefusalBySeccomp(t *testing.T) {
	mayLoad(t)
	for errno, want := range map[unix.Errno][]string{
		unix.ENOSYS: {"absent|", "seccomp"},
		unix.EPERM:  {"forbidden|", "seccomp filter", "--cap-add BPF"},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), playVar+"=filtered", "BPFPROG_ERRNO="+strconv.Itoa(int(errno)))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%v: %q is not in the refusal:\n%s", errno, w, out)
			}
		}
	}
}

// filtered has bpf(2) fail in this process from here on (seccomp(2)), and opens
// a tracker.
func filtered() {
	runtime.LockOSThread()
	errno, err := strconv.Atoi(os.Getenv("BPFPROG_ERRNO"))
	if err != nil {
		panic(err)
	}
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_BPF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(ptr(&filter))); errno != 0 {
		panic(errno)
	}
	openWithoutRights()
}
