// Package container tells whether this process runs in a container, of which
// kind, and whether that container hides the energy counters; and it reads
// cgroup paths.
package container

import (
	"os"
	"path/filepath"
	"strings"
)

// Info says in what container this process runs.
type Info struct {
	// Runtime is docker, podman, containerd, cri-o, kubernetes, lxc,
	// systemd-nspawn, "container" for one that does not give its name, or ""
	// when this is no container.
	Runtime    string
	ID         string // "" where the container does not know its own
	Kubernetes bool   // it belongs to a pod
	PodUID     string
	// Evidence is what was seen, file by file. It may be there without a
	// Runtime: an image started as a virtual machine keeps /.dockerenv.
	Evidence []string
}

// Inside reports whether this process runs in a container.
func (i Info) Inside() bool { return i.Runtime != "" }

// detector gathers evidence under a root.
type detector struct {
	root string
	info Info
}

// Detect looks for the traces that runtimes leave. Files are looked for under
// root, "" and "/" being the live host.
func Detect(root string) Info {
	d := detector{root: root}
	mounts := d.mounts()
	// Strong traces first: the first to name a runtime decides.
	d.paths()
	d.environment()
	d.rootMount(mounts)
	d.kubernetes()
	d.leftovers()
	if d.info.Runtime == "" && d.ownNamespaces() {
		d.saw("container", "/proc/self/ns: neither the PID nor the cgroup namespace is the host's")
	}
	return d.info
}

// saw notes a trace of a runtime.
func (d *detector) saw(runtime, evidence string) {
	if d.info.Runtime == "" || d.info.Runtime == "container" {
		d.info.Runtime = runtime
	}
	d.info.Evidence = append(d.info.Evidence, evidence)
}

func (d *detector) text(path string) (string, bool) {
	b, err := os.ReadFile(filepath.Join("/", d.root, path))
	return strings.TrimSpace(string(b)), err == nil
}

func (d *detector) exists(path string) bool {
	_, err := os.Lstat(filepath.Join("/", d.root, path))
	return err == nil
}

func (d *detector) mounts() []mount {
	b, err := os.ReadFile(filepath.Join("/", d.root, "/proc/self/mountinfo"))
	if err != nil {
		return nil
	}
	mounts, err := parseMountinfo(b)
	if err != nil {
		d.info.Evidence = append(d.info.Evidence, err.Error())
	}
	return mounts
}

// paths asks the cgroup, which tells all unless it has a namespace.
func (d *detector) paths() {
	groups, err := CgroupOf(d.root, 0)
	if err != nil {
		return
	}
	refs := groups.Containers()
	if len(refs) == 0 {
		return
	}
	r := refs[len(refs)-1]
	runtime := r.Runtime
	if runtime == "" && r.PodUID != "" {
		runtime = "kubernetes"
	}
	if runtime == "" {
		runtime = "container"
	}
	d.info.ID, d.info.PodUID, d.info.Kubernetes = r.ID, r.PodUID, r.PodUID != ""
	d.saw(runtime, "/proc/self/cgroup names a container")
}

// environment asks what the runtime told the container's first process.
func (d *detector) environment() {
	// systemd writes down what it found. It calls WSL a container, but that
	// is a virtual machine with all of its files.
	if name, ok := d.text("/run/systemd/container"); ok && name != "" && name != "wsl" {
		d.saw(runtimeOf(name), "/run/systemd/container: "+name)
	}
	env, _ := d.text("/proc/1/environ")
	for entry := range strings.SplitSeq(env, "\x00") {
		if name, ok := strings.CutPrefix(entry, "container="); ok && name != "" {
			d.saw(runtimeOf(name), "/proc/1/environ: "+entry)
		}
	}
}

// runtimeOf maps the values of the container variable
// (https://systemd.io/CONTAINER_INTERFACE).
func runtimeOf(name string) string {
	switch name {
	case "lxc", "lxc-libvirt", "docker", "podman", "systemd-nspawn":
		return name
	case "oci", "container-other":
		return "container"
	}
	return name
}

// mountTraces are places below which runtimes keep a container's layers and
// the files they mount into it.
var mountTraces = []struct{ part, runtime string }{
	{"/docker/containers/", "docker"},
	{"/docker/overlay2/", "docker"},
	{"/docker/rootfs/", "docker"},
	{"io.containerd.", "containerd"},
	{"/containerd/", "containerd"},
	{"/containers/storage/", "podman"},
	{"/overlay-containers/", "podman"},
	{"/lxc/", "lxc"},
}

// rootMount asks where / and the files that runtimes replace come from.
func (d *detector) rootMount(mounts []mount) {
	for _, m := range mounts {
		switch m.point {
		case "/", "/etc/hostname", "/etc/resolv.conf", "/etc/hosts":
		default:
			continue
		}
		if uid := podIn(m.root); uid != "" {
			d.info.Kubernetes, d.info.PodUID = true, uid
			d.saw("kubernetes", "/proc/self/mountinfo: "+m.point+" is the kubelet's "+m.root)
		}
		for _, t := range mountTraces {
			if !strings.Contains(m.root+" "+m.source+" "+m.super, t.part) {
				continue
			}
			d.saw(t.runtime, "/proc/self/mountinfo: "+m.point+" comes from below "+strings.Trim(t.part, "/"))
			if d.info.ID == "" {
				d.info.ID = idIn(m.root)
			}
			break
		}
	}
}

// idIn finds a container's ID in the path of a file its runtime keeps:
// /var/lib/docker/containers/ID/hostname.
func idIn(path string) string {
	for part := range strings.SplitSeq(path, "/") {
		if len(part) == 64 && isHexID(part) {
			return part
		}
	}
	return ""
}

// podIn finds a pod's UID in the path of a file the kubelet keeps:
// /var/lib/kubelet/pods/UID/etc-hosts.
func podIn(path string) string {
	_, rest, ok := strings.Cut(path, "/kubelet/pods/")
	uid, _, _ := strings.Cut(rest, "/")
	if !ok || !isPodUID(uid) {
		return ""
	}
	return uid
}

func (d *detector) kubernetes() {
	const account = "/var/run/secrets/kubernetes.io/serviceaccount"
	if d.exists(account) {
		d.info.Kubernetes = true
		d.saw("kubernetes", account)
	}
}

// leftovers are files that images and snapshots carry along: alone they prove
// nothing where all namespaces are the host's.
func (d *detector) leftovers() {
	for _, f := range []struct{ path, runtime string }{
		{"/run/.containerenv", "podman"}, {"/.dockerenv", "docker"},
	} {
		switch {
		case !d.exists(f.path):
		case d.info.Runtime == "" && d.hostNamespaces():
			d.info.Evidence = append(d.info.Evidence, f.path+" is there, but PID, IPC, UTS and cgroup namespaces are the host's: a leftover of an image")
		default:
			d.saw(f.runtime, f.path)
		}
	}
}

// initialNamespaces are the inode numbers of the namespaces the kernel boots
// with (PROC_PID_INIT_INO and its like in include/linux/proc_ns.h).
var initialNamespaces = map[string]string{
	"ipc": "ipc:[4026531839]", "uts": "uts:[4026531838]", "pid": "pid:[4026531836]", "cgroup": "cgroup:[4026531835]",
}

func (d *detector) namespace(name string) (initial, known bool) {
	link, err := os.Readlink(filepath.Join("/", d.root, "/proc/self/ns", name))
	return link == initialNamespaces[name], err == nil
}

// hostNamespaces reports whether every namespace is known to be the host's.
func (d *detector) hostNamespaces() bool {
	for name := range initialNamespaces {
		if initial, known := d.namespace(name); !initial || !known {
			return false
		}
	}
	return true
}

// ownNamespaces reports whether both namespaces that every container has are
// known not to be the host's.
func (d *detector) ownNamespaces() bool {
	for _, name := range []string{"pid", "cgroup"} {
		if initial, known := d.namespace(name); initial || !known {
			return false
		}
	}
	return true
}
