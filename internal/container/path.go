package container

import "strings"

// Ref is a container, or the pod around one, as named by a cgroup path.
type Ref struct {
	// Runtime is docker, podman, containerd, cri-o, lxc or systemd-nspawn;
	// "" where the path does not tell, as under the kubelet's cgroupfs driver.
	Runtime string
	ID      string // hexadecimal ID, or a name (lxc, systemd-nspawn); "" for a pod's own group
	PodUID  string // with dashes; "" outside of Kubernetes
	QoS     string // guaranteed, burstable or besteffort; "" outside of Kubernetes
}

// scopePrefixes are the prefixes of a container's cgroup, with the systemd
// driver as PREFIX-ID.scope, with some others as PREFIX-ID.
var scopePrefixes = []struct{ prefix, runtime string }{
	{"cri-containerd-", "containerd"},
	{"nerdctl-", "containerd"},
	{"docker-", "docker"},
	{"crio-", "cri-o"},
	{"libpod-", "podman"},
}

// ParsePath returns the containers in a cgroup path, from the outside in:
// kind and Docker-in-Docker nest them. A process in a pod but in none of its
// containers yields a Ref without ID. Paths come in two spellings, that of
// the cgroupfs driver (/kubepods/burstable/podUID/ID) and that of systemd
// (/kubepods.slice/kubepods-burstable.slice/
// kubepods-burstable-podUID_.slice/cri-containerd-ID.scope).
func ParsePath(path string) []Ref {
	var w walker
	for segment := range strings.SplitSeq(path, "/") {
		if segment != "" {
			w.step(segment)
		}
	}
	if w.pod.PodUID != "" {
		w.refs = append(w.refs, w.pod)
	}
	return w.refs
}

// walker goes down a path.
type walker struct {
	refs   []Ref
	pod    Ref    // the pod around, until a container of it is found
	kube   bool   // below kubepods
	qos    string // the class below which pods come
	parent string // the segment before
}

func (w *walker) step(segment string) {
	// A runtime with the cgroupfs driver given a systemd path makes one
	// segment of it: SLICE:RUNTIME:ID.
	if f := strings.Split(segment, ":"); len(f) == 3 && isHexID(f[2]) {
		w.descend(f[0])
		w.found(Ref{Runtime: runtimeName(f[1]), ID: f[2]})
	} else if r, ok := containerOf(segment, w.parent); ok {
		w.found(r)
	} else {
		w.descend(segment)
	}
	w.parent = segment
}

// found enters a container; what comes below is its own world.
func (w *walker) found(r Ref) {
	r.PodUID, r.QoS = w.pod.PodUID, w.pod.QoS
	*w = walker{refs: append(w.refs, r)}
}

// descend enters a group that is no container: kubepods, a class of service
// or a pod. Guaranteed pods have no class segment (kubelet,
// pkg/kubelet/cm/qos_container_manager_linux.go).
func (w *walker) descend(segment string) {
	if strings.Contains(segment, "kubepods") && !w.kube {
		w.kube, w.qos = true, "guaranteed"
	}
	if !w.kube {
		return
	}
	for _, qos := range []string{"besteffort", "burstable"} {
		if strings.Contains(segment, qos) {
			w.qos = qos
		}
	}
	if uid, ok := podUID(segment); ok {
		w.pod = Ref{PodUID: uid, QoS: w.qos}
	}
}

// podUID recognises a pod's segment: podUID, or the slice
// [kubelet-]kubepods[-QOS]-podUID.slice.
func podUID(segment string) (string, bool) {
	if name, slice := strings.CutSuffix(segment, ".slice"); slice {
		segment = name[strings.LastIndex(name, "-")+1:]
	}
	uid, ok := strings.CutPrefix(segment, "pod")
	return strings.ReplaceAll(uid, "_", "-"), ok && isPodUID(uid)
}

// containerOf recognises a container's own segment.
func containerOf(segment, parent string) (Ref, bool) {
	name := strings.TrimSuffix(segment, ".scope")
	for _, p := range scopePrefixes {
		if id, ok := strings.CutPrefix(name, p.prefix); ok && isHexID(id) {
			return Ref{Runtime: p.runtime, ID: id}, true
		}
	}
	switch {
	case len(name) == 64 && isHexID(name):
		return Ref{Runtime: runtimeName(parent), ID: name}, true
	case parent == "lxc" || parent == "lxc.payload":
		return Ref{Runtime: "lxc", ID: segment}, true
	case strings.HasPrefix(segment, "lxc.payload."):
		return Ref{Runtime: "lxc", ID: strings.TrimPrefix(segment, "lxc.payload.")}, segment != "lxc.payload."
	case parent == "machine.slice" && strings.HasPrefix(segment, "systemd-nspawn@"):
		id := strings.TrimSuffix(strings.TrimPrefix(segment, "systemd-nspawn@"), ".service")
		return Ref{Runtime: "systemd-nspawn", ID: id}, id != ""
	}
	return Ref{}, false
}

// runtimeName maps what stands beside an ID to the runtime.
func runtimeName(s string) string {
	switch s {
	case "docker":
		return "docker"
	case "cri-containerd", "k8s.io", "default":
		return "containerd"
	case "crio":
		return "cri-o"
	case "libpod_parent":
		return "podman"
	}
	return ""
}

// isHexID reports whether s can be a container's ID: 12 (shortened) to 64
// hexadecimal digits.
func isHexID(s string) bool {
	return len(s) >= 12 && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// isPodUID reports whether s is a pod's UID: a UUID, dashes possibly spelt as
// underscores, or the 32 digits of a static pod's hash.
func isPodUID(s string) bool {
	s = strings.ReplaceAll(s, "_", "-")
	if len(s) == 32 {
		return strings.Trim(s, "0123456789abcdef") == ""
	}
	if len(s) != 36 {
		return false
	}
	for i, r := range s {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (r == '-') || !dash && !strings.ContainsRune("0123456789abcdef", r) {
			return false
		}
	}
	return true
}
