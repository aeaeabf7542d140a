package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

// root writes files below a temporary root; a value that starts with -> is a
// link.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		target, link := strings.CutPrefix(text, "->")
		if !link {
			testutil.Write(t, dir, name, text)
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var hostNS = map[string]string{
	"proc/self/ns/pid": "->pid:[4026531836]", "proc/self/ns/cgroup": "->cgroup:[4026531835]",
	"proc/self/ns/ipc": "->ipc:[4026531839]", "proc/self/ns/uts": "->uts:[4026531838]",
}

var ownNS = map[string]string{
	"proc/self/ns/pid": "->pid:[4026532415]", "proc/self/ns/cgroup": "->cgroup:[4026532416]",
	"proc/self/ns/ipc": "->ipc:[4026532414]", "proc/self/ns/uts": "->uts:[4026532413]",
}

func with(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

const dockerMounts = "700 600 0:50 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A,upperdir=/var/lib/docker/overlay2/b/diff\n" +
	"720 700 8:1 /var/lib/docker/containers/" + idA + "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"

const kubeMounts = "700 600 0:50 / / rw - overlay overlay rw,upperdir=/var/lib/containers/storage/overlay/x/diff\n" +
	"720 700 8:1 /var/lib/kubelet/pods/" + uid + "/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   map[string]string
		runtime string
		id      string
		pod     string
	}{
		{"bare host", with(hostNS, map[string]string{"proc/self/cgroup": "0::/user.slice\n", "proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "proc/1/environ": "HOME=/\x00TERM=linux\x00"}), "", "", ""},
		{"nothing known", nil, "", "", ""},
		{"docker, cgroup v1", map[string]string{"proc/self/cgroup": "3:cpu:/docker/" + idA + "\n", ".dockerenv": ""}, "docker", idA, ""},
		{"docker, cgroup namespace", with(ownNS, map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": dockerMounts, ".dockerenv": ""}), "docker", idA, ""},
		{"docker, bare evidence", with(ownNS, map[string]string{".dockerenv": ""}), "docker", "", ""},
		{"podman", with(ownNS, map[string]string{"run/.containerenv": "engine=\"podman-4.3.1\"\n", "proc/1/environ": "container=podman\x00PATH=/bin\x00"}), "podman", "", ""},
		{"lxc", with(ownNS, map[string]string{"proc/1/environ": "container=lxc\x00"}), "lxc", "", ""},
		{"systemd-nspawn", with(ownNS, map[string]string{"run/systemd/container": "systemd-nspawn\n"}), "systemd-nspawn", "", ""},
		{"pod by cgroup", map[string]string{"proc/self/cgroup": "0::/kubepods/burstable/pod" + uid + "/" + idA + "\n"}, "kubernetes", idA, uid},
		{"pod by mounts", with(ownNS, map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": kubeMounts}), "podman", "", uid},
		{"pod by account", with(ownNS, map[string]string{"var/run/secrets/kubernetes.io/serviceaccount/token": "x"}), "kubernetes", "", ""},
		{"no name", ownNS, "container", "", ""},
		{"image booted as a machine", with(hostNS, map[string]string{".dockerenv": ""}), "", "", ""},
		{"WSL", with(hostNS, map[string]string{"run/systemd/container": "wsl\n"}), "", "", ""},
		{"host that runs containers", with(hostNS, map[string]string{
			"proc/self/cgroup":    "0::/system.slice/docker.service\n",
			"proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n80 22 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,upperdir=/var/lib/docker/overlay2/x/diff\n",
		}), "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := Detect(root(t, c.files))
			if i.Runtime != c.runtime || i.ID != c.id || i.PodUID != c.pod || i.Inside() != (c.runtime != "") {
				t.Errorf("%+v, want %q %q %q", i, c.runtime, c.id, c.pod)
			}
			if i.Inside() && len(i.Evidence) == 0 {
				t.Error("no evidence")
			}
		})
	}
	if i := Detect(root(t, with(ownNS, map[string]string{"proc/self/mountinfo": kubeMounts}))); !i.Kubernetes {
		t.Errorf("a pod goes unnoticed: %+v", i)
	}
	if i := Detect(root(t, with(hostNS, map[string]string{".dockerenv": ""}))); len(i.Evidence) != 1 || !strings.Contains(i.Evidence[0], "leftover") {
		t.Errorf("a leftover goes unsaid: %+v", i)
	}
}

func TestPowercapMask(t *testing.T) {
	const zone = "sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/name"
	const link = "sys/class/powercap/intel-rapl:0"
	const masked = dockerMounts + "800 700 0:70 / /sys/devices/virtual/powercap ro,relatime - tmpfs tmpfs ro\n"
	for _, c := range []struct {
		name   string
		files  map[string]string
		hidden bool
		detail string
		remedy string
	}{
		{"open host", map[string]string{zone: "package-0\n", link: "->../../devices/virtual/powercap/intel-rapl/intel-rapl:0"}, false, "", ""},
		{"no powercap", map[string]string{"sys/class/net/lo/mtu": "65536\n"}, false, "", ""},
		{"docker's tmpfs", map[string]string{"proc/self/mountinfo": masked, link: "->../../devices/virtual/powercap/intel-rapl/intel-rapl:0"}, true,
			"tmpfs is mounted over /sys/devices/virtual/powercap", "start the container with -v /sys:/host/sys:ro and run energyprobe with --host-root /host"},
		{"class alone, in a pod", map[string]string{"proc/self/mountinfo": kubeMounts, link: "->../../devices/virtual/powercap/intel-rapl/intel-rapl:0"}, true,
			"/sys/class/powercap/intel-rapl:0 points to nothing", "mount the node's /sys at /host/sys (hostPath volume, readOnly: true) and run energyprobe with --host-root /host"},
		{"lxc", map[string]string{"proc/1/environ": "container=lxc\x00", link: "->nowhere"}, true, "points to nothing",
			"add lxc.mount.entry = /sys host/sys none rbind,ro,create=dir to the container's configuration and run energyprobe with --host-root /host"},
		{"nspawn", map[string]string{"run/systemd/container": "systemd-nspawn", link: "->nowhere"}, true, "points to nothing",
			"start the container with --bind-ro=/sys:/host/sys and run energyprobe with --host-root /host"},
		{"unknown runtime", map[string]string{link: "->nowhere"}, true, "points to nothing", "mount the host's /sys at /host/sys, read-only, and run energyprobe with --host-root /host"},
		{"sysfs mounted again is none", map[string]string{zone: "package-0\n", "proc/self/mountinfo": "1 0 0:5 / /sys/devices/virtual/powercap ro - sysfs sysfs ro\n"}, false, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := PowercapMask(root(t, c.files))
			if m.Hidden != c.hidden || !strings.Contains(m.Detail, c.detail) || m.Remedy != c.remedy {
				t.Errorf("%+v", m)
			}
		})
	}
	// An empty directory is a mask in a container, and an oddity elsewhere.
	dir := root(t, map[string]string{".dockerenv": ""})
	if err := os.MkdirAll(filepath.Join(dir, deviceDir), 0o755); err != nil {
		t.Fatal(err)
	}
	if m := PowercapMask(dir); !m.Hidden || !strings.Contains(m.Detail, "is empty") {
		t.Errorf("%+v", m)
	}
	if err := os.Remove(filepath.Join(dir, ".dockerenv")); err != nil {
		t.Fatal(err)
	}
	if m := PowercapMask(dir); m.Hidden {
		t.Errorf("%+v", m)
	}
}

// TestRemedyWorks follows the advice: with the host's /sys under /host, that
// root shows no mask.
func TestRemedyWorks(t *testing.T) {
	dir := root(t, map[string]string{
		"proc/self/mountinfo":                                            dockerMounts + "800 700 0:70 / /sys/devices/virtual/powercap ro - tmpfs tmpfs ro\n",
		"sys/class/powercap/intel-rapl:0":                                "->../../devices/virtual/powercap/intel-rapl/intel-rapl:0",
		"host/sys/class/powercap/intel-rapl:0":                           "->../../devices/virtual/powercap/intel-rapl/intel-rapl:0",
		"host/sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/name": "package-0\n",
	})
	if !PowercapMask(dir).Hidden || PowercapMask(filepath.Join(dir, "host")).Hidden {
		t.Error("the mounted host is still masked, or the container was not")
	}
}

func TestLiveHost(t *testing.T) {
	i := Detect("/")
	t.Logf("%+v %+v", i, PowercapMask("/"))
	if i.Inside() && len(i.Evidence) == 0 {
		t.Error("inside a container without evidence")
	}
}

func TestParseMountinfo(t *testing.T) {
	m, err := parseMountinfo([]byte(`36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:2 - ext3 /dev/ro\134ot rw,errors=continue` + "\n" +
		"22 1 0:21 / /proc rw - proc proc\n"))
	if err != nil || len(m) != 2 {
		t.Fatal(m, err)
	}
	if m[0].root != "/mnt1" || m[0].point != "/mnt 2" || m[0].fstype != "ext3" || m[0].source != `/dev/ro\ot` || m[0].super != "rw,errors=continue" {
		t.Errorf("%+v", m[0])
	}
	for _, bad := range []string{"36 35 98:0 /mnt1 /mnt2 rw ext3 /dev/root rw", "1 2 3 - a b c", "36 35 98:0 / / rw - ext3"} {
		if m, err := parseMountinfo([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, m)
		}
	}
}

func FuzzParseMountinfo(f *testing.F) {
	f.Add([]byte(dockerMounts))
	f.Add([]byte(`1 2 3:4 \040 \777\ rw - a b`))
	f.Fuzz(func(t *testing.T, b []byte) {
		mounts, err := parseMountinfo(b)
		if err != nil && mounts != nil {
			t.Fatalf("%v along with %v", mounts, err)
		}
		for _, m := range mounts {
			if m.fstype == "" || m.point == "" {
				t.Fatalf("%q: %+v", b, m)
			}
		}
	})
}
