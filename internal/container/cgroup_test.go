package container

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

const (
	idA = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	idB = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
	uid = "2d5f1a44-9c07-4c5e-8e3f-0a1b2c3d4e5f"
	// uidU is uid as systemd spells it: a dash would nest slices.
	uidU = "2d5f1a44_9c07_4c5e_8e3f_0a1b2c3d4e5f"
	// hash is a static pod's UID.
	hash = "b3e8b2d0a9c94f6c8f0d7e6a5b4c3d2e"
)

func TestParseCgroup(t *testing.T) {
	hybrid := "9:name=systemd:/\n4:memory:/a b/c:d\n2:cpu,cpuacct:/user.slice (deleted)\n0::/init.scope\n"
	got, err := ParseCgroup([]byte(hybrid))
	if err != nil {
		t.Fatal(err)
	}
	want := Cgroups{
		{9, []string{"name=systemd"}, "/", false},
		{4, []string{"memory"}, "/a b/c:d", false}, // a colon belongs to the path
		{2, []string{"cpu", "cpuacct"}, "/user.slice", true},
		{0, nil, "/init.scope", false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if path, ok := got.Controller("cpuacct"); !ok || path != "/user.slice" {
		t.Errorf("cpuacct at %q, %v", path, ok)
	}
	if path, ok := got.V2(); !ok || path != "/init.scope" {
		t.Errorf("v2 at %q, %v", path, ok)
	}
	for text, mode := range map[string]Mode{
		"":                  ModeNone,
		"0::/\n":            ModeV2,
		"1:cpu:/\n":         ModeV1,
		"1:cpu:/\n0::/\n":   ModeHybrid,
		"0::/../../other\n": ModeV2, // outside of our cgroup namespace
	} {
		c, err := ParseCgroup([]byte(text))
		if err != nil || c.Mode() != mode {
			t.Errorf("%q: %v, %v", text, c.Mode(), err)
		}
	}
	for _, bad := range []string{"0:/", "x::/", "-1::/", "0::relative", "0::", "99999999999::/", "\x00"} {
		if c, err := ParseCgroup([]byte(bad)); err == nil {
			t.Errorf("%q: %v", bad, c)
		}
	}
}

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		path string
		want []Ref
	}{
		{"/", nil},
		{"/user.slice/user-1000.slice/session-2.scope", nil},
		{"/system.slice/docker.service", nil},
		{"/system.slice/crio.service", nil},
		{"/machine.slice/libpod-conmon-" + idA + ".scope", nil}, // the monitor, not the container
		{"/kubepods.slice/kubepods-burstable.slice", nil},

		{"/docker/" + idA, []Ref{{Runtime: "docker", ID: idA}}},
		{"/system.slice/docker-" + idA + ".scope", []Ref{{Runtime: "docker", ID: idA}}},
		{"/system.slice/docker-" + idA + ".scope/init", []Ref{{Runtime: "docker", ID: idA}}},
		{"/machine.slice/libpod-" + idA + ".scope/container", []Ref{{Runtime: "podman", ID: idA}}},
		{"/libpod_parent/libpod-" + idA, []Ref{{Runtime: "podman", ID: idA}}},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope", []Ref{{Runtime: "podman", ID: idA}}},
		{"/system.slice/nerdctl-" + idA + ".scope", []Ref{{Runtime: "containerd", ID: idA}}},
		{"/default/" + idA, []Ref{{Runtime: "containerd", ID: idA}}},
		{"/lxc/web", []Ref{{Runtime: "lxc", ID: "web"}}},
		{"/lxc.payload.web/init.scope", []Ref{{Runtime: "lxc", ID: "web"}}},
		{"/lxc.monitor.web", nil},
		{"/machine.slice/systemd-nspawn@deb.service/payload", []Ref{{Runtime: "systemd-nspawn", ID: "deb"}}},
		{"/ecs/0f1e2d3c4b5a/" + idA, []Ref{{ID: idA}}},

		// Kubernetes, cgroupfs driver.
		{"/kubepods/burstable/pod" + uid + "/" + idA, []Ref{{ID: idA, PodUID: uid, QoS: "burstable"}}},
		{"/kubepods/besteffort/pod" + uid + "/" + idA, []Ref{{ID: idA, PodUID: uid, QoS: "besteffort"}}},
		{"/kubepods/pod" + uid + "/" + idA, []Ref{{ID: idA, PodUID: uid, QoS: "guaranteed"}}},
		{"/kubepods/pod" + hash + "/crio-" + idA, []Ref{{Runtime: "cri-o", ID: idA, PodUID: hash, QoS: "guaranteed"}}},
		{"/kubepods/pod" + uid, []Ref{{PodUID: uid, QoS: "guaranteed"}}},

		// Kubernetes, systemd driver.
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uidU + ".slice/cri-containerd-" + idA + ".scope",
			[]Ref{{Runtime: "containerd", ID: idA, PodUID: uid, QoS: "burstable"}}},
		{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + uidU + ".slice/crio-" + idA + ".scope/container",
			[]Ref{{Runtime: "cri-o", ID: idA, PodUID: uid, QoS: "besteffort"}}},
		{"/kubepods.slice/kubepods-pod" + uidU + ".slice/docker-" + idA + ".scope",
			[]Ref{{Runtime: "docker", ID: idA, PodUID: uid, QoS: "guaranteed"}}},
		{"/kubepods.slice/kubepods-pod" + uidU + ".slice/crio-conmon-" + idA + ".scope",
			[]Ref{{PodUID: uid, QoS: "guaranteed"}}},
		{"/kubepods.slice/kubepods-pod" + hash + ".slice/cri-containerd-" + idA + ".scope",
			[]Ref{{Runtime: "containerd", ID: idA, PodUID: hash, QoS: "guaranteed"}}},

		// A runtime set to cgroupfs below a kubelet set to systemd.
		{"/system.slice/containerd.service/kubepods-burstable-pod" + uidU + ".slice:cri-containerd:" + idA,
			[]Ref{{Runtime: "containerd", ID: idA, PodUID: uid, QoS: "burstable"}}},
		{"/system.slice:docker:" + idA, []Ref{{Runtime: "docker", ID: idA}}},

		// kind: the node is a container too; its inside is a world of its own.
		{"/docker/" + idA + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" + uidU + ".slice/cri-containerd-" + idB + ".scope",
			[]Ref{{Runtime: "docker", ID: idA}, {Runtime: "containerd", ID: idB, PodUID: uid, QoS: "burstable"}}},
		{"/docker/" + idA + "/kubelet/kubepods/besteffort/pod" + uid + "/" + idB,
			[]Ref{{Runtime: "docker", ID: idA}, {ID: idB, PodUID: uid, QoS: "besteffort"}}},
		// kind in a best-effort pod: the outer class does not rub off.
		{"/kubepods/besteffort/pod" + uid + "/" + idA + "/kubelet/kubepods/pod" + hash + "/" + idB,
			[]Ref{{ID: idA, PodUID: uid, QoS: "besteffort"}, {ID: idB, PodUID: hash, QoS: "guaranteed"}}},
		{"/docker/" + idA + "/docker/" + idB, []Ref{{Runtime: "docker", ID: idA}, {Runtime: "docker", ID: idB}}},

		// Not quite.
		{"/docker/" + strings.ToUpper(idA), nil},
		{"/docker/" + idA + "0", nil},
		{"/system.slice/docker-short.scope", nil},
		{"/pod" + uid + "/x", nil}, // no kubepods above
		{"/kubepods/pod-not-a-uid/x", nil},
		{"/process_api/781c2ac48935191bf59a601b274f6c61", nil},
	} {
		if diff := cmp.Diff(c.want, ParsePath(c.path)); diff != "" {
			t.Errorf("%s: %s", c.path, diff)
		}
	}
}

// TestSpellings: both drivers' paths of one container name the same one.
func TestSpellings(t *testing.T) {
	for _, qos := range []string{"burstable", "besteffort"} {
		fs := ParsePath("/kubepods/" + qos + "/pod" + uid + "/" + idA)
		sd := ParsePath("/kubepods.slice/kubepods-" + qos + ".slice/kubepods-" + qos + "-pod" + uidU + ".slice/cri-containerd-" + idA + ".scope")
		fs[0].Runtime = sd[0].Runtime
		if diff := cmp.Diff(fs, sd); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCgroupOf(t *testing.T) {
	root := t.TempDir()
	testutil.Write(t, root, "proc/self/cgroup", "0::/me\n")
	testutil.Write(t, root, "proc/42/cgroup", "3:cpu:/docker/"+idA+"\n0::/\n")
	if c, err := CgroupOf(root, 0); err != nil || c[0].Path != "/me" {
		t.Errorf("%v, %v", c, err)
	}
	c, err := CgroupOf(root, 42)
	if err != nil || len(c.Containers()) != 1 || c.Containers()[0].ID != idA {
		t.Errorf("%v, %v", c, err)
	}
	if _, err := CgroupOf(root, 43); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a process that is gone: %v", err)
	}
	if c, err := CgroupOf("/", 0); err != nil || c.Mode() == ModeNone {
		t.Errorf("this process: %v, %v", c, err)
	}
}

func FuzzParseCgroup(f *testing.F) {
	for _, seed := range []string{"9:name=systemd:/\n0::/x (deleted)\n", "2:cpu,cpuacct:/docker/" + idA, "", "::"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCgroup(b)
		if err != nil && c != nil {
			t.Fatalf("%v along with %v", c, err)
		}
		for _, m := range c {
			if !strings.HasPrefix(m.Path, "/") || m.Hierarchy < 0 {
				t.Fatalf("%q: %+v", b, m)
			}
		}
		c.Mode()
		c.Containers()
	})
}

func FuzzParsePath(f *testing.F) {
	f.Add("/docker/" + idA + "/kubelet/kubepods/besteffort/pod" + uid + "/" + idB)
	f.Add("/kubepods.slice/kubepods-burstable-pod" + uidU + ".slice:cri-containerd:" + idA)
	f.Add("/lxc.payload.x//../pod/.slice")
	f.Fuzz(func(t *testing.T, path string) {
		refs := ParsePath(path)
		for i, r := range refs {
			if r.ID == "" && (r.PodUID == "" || i != len(refs)-1) {
				t.Fatalf("%q: %+v names nothing", path, refs)
			}
			if (r.PodUID == "") != (r.QoS == "") {
				t.Fatalf("%q: %+v: a class without a pod, or the other way", path, r)
			}
			if r.PodUID != "" && !isPodUID(r.PodUID) {
				t.Fatalf("%q: pod %q", path, r.PodUID)
			}
			if strings.Contains(r.ID, "/") {
				t.Fatalf("%q: ID %q", path, r.ID)
			}
		}
		// A process in a child group is in the same containers; the child's
		// name must be one that means nothing.
		last := strings.TrimRight(path, "/")
		if !strings.HasSuffix(last, "lxc") && !strings.HasSuffix(last, "lxc.payload") {
			if diff := cmp.Diff(refs, ParsePath(path+"/child")); diff != "" {
				t.Fatalf("%q: %s", path, diff)
			}
		}
	})
}
