package rapl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// kindOf sorts an error of the file system into absent, forbidden and broken.
func kindOf(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return energy.ErrAbsent
	case errors.Is(err, fs.ErrPermission):
		return energy.ErrForbidden
	}
	return energy.ErrBroken
}

// bare returns the cause without the operation and path that os put around
// it: the refusal names the host's path.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (s *Source) refuseName(z zoneDir) *energy.Refusal {
	r := &energy.Refusal{Name: z.base, Kind: energy.ErrBroken, Err: z.unknown,
		Reason: fmt.Sprintf("%s: %v", hostPath(s.root, z.dir+"/name"), bare(z.unknown))}
	if kindOf(z.unknown) == energy.ErrForbidden {
		r.Kind, r.Remedy = energy.ErrForbidden, permissionRemedy()
	}
	return r
}

func (s *Source) refuseCounter(id, path string, err error) *energy.Refusal {
	r := &energy.Refusal{Name: id, Kind: kindOf(err), Err: err, Reason: fmt.Sprintf("%s: %v", path, bare(err))}
	switch {
	case r.Kind == energy.ErrForbidden:
		r.Remedy = permissionRemedy()
	case r.Kind == energy.ErrAbsent:
		r.Reason = path + ": the zone has no energy counter"
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EIO), errors.Is(err, syscall.ENODATA):
		// powercap_sys.c answers EINVAL for whatever the driver's own error was.
		r.Reason += ": the driver could not read the register"
		r.Remedy = "ask another interface: --source perf or --source msr"
	}
	return r
}

// permissionRemedy says how this process can come to read energy_uj.
func permissionRemedy() string {
	st, err := priv.Read("/")
	if err != nil {
		return "run as root"
	}
	return remedyFor(st)
}

// remedyFor is the least that makes energy_uj readable for a process in this
// state. The file is root's alone since Linux 5.10 (CVE-2020-8694: its
// resolution betrays what other programs compute). Opening it to everyone
// would bring the leak back, so the right goes to this one program.
func remedyFor(st *priv.State) string {
	remedy := st.Remedy("", priv.DACReadSearch)
	switch {
	case st.HostRoot() || remedy == "":
		// Modes don't keep root from a file of its own.
		label := ""
		if st.Confinement != "" && !strings.HasPrefix(st.Confinement, "unconfined") {
			label = " (" + st.Confinement + ")"
		}
		return "a security module denies it" + label + ": in a container, start it with -v /sys:/host/sys:ro and give --host-root /host"
	case st.InitialUserNS && !st.Bounding.Has(priv.DACReadSearch):
		// The file's owner needs no capability, so none has to be added.
		return "run as root (in a container: --user 0)"
	}
	return remedy
}

// allRefused makes one refusal of many that say the same: on a large machine
// nobody wants to read sixteen.
func allRefused(refused []*energy.Refusal) error {
	errs := make([]error, len(refused))
	same := true
	for i, r := range refused {
		errs[i] = r
		same = same && r.Kind == refused[0].Kind && r.Remedy == refused[0].Remedy
	}
	joined := errors.Join(errs...)
	if !same || len(refused) == 0 {
		return joined
	}
	first := refused[0]
	reason := first.Reason
	if n := len(refused); n > 1 {
		reason += fmt.Sprintf(" (and %d more zones)", n-1)
	}
	return &energy.Refusal{Name: "powercap", Kind: first.Kind, Reason: reason, Remedy: first.Remedy, Err: joined}
}

// noTree says why there is no RAPL zone at all. err is what the first control
// type answered, nil when it is there and empty.
func noTree(root *os.Root, topo *topology.Topology, err error) error {
	r := &energy.Refusal{Name: "powercap", Kind: energy.ErrAbsent, Err: err}
	control := classDir + "/" + controlTypes[0]
	switch {
	case err != nil && kindOf(err) != energy.ErrAbsent:
		r.Kind = kindOf(err)
		r.Reason = fmt.Sprintf("%s: %v", hostPath(root, control), bare(err))
		if r.Kind == energy.ErrForbidden {
			r.Remedy = permissionRemedy()
		}
	case !exists(root, "sys"):
		r.Reason = "there is no " + hostPath(root, "sys")
		r.Remedy = "mount the host's /sys there: -v /sys:" + hostPath(root, "sys") + ":ro"
	case dangling(root, control):
		r.Kind = energy.ErrForbidden
		r.Reason, r.Remedy = masked(root, control)
	default:
		r.Reason, r.Remedy = noDriver(root, topo, err)
	}
	return r
}

// dangling reports whether a link is there and what it points to is not.
func dangling(root *os.Root, name string) bool {
	_, err := root.Lstat(name)
	return err == nil && !exists(root, name)
}

// masked tells a container whose runtime hides the tree from one that was
// given the class directory, which holds links only.
func masked(root *os.Root, control string) (reason, remedy string) {
	link := hostPath(root, control)
	if !exists(root, virtualDir) {
		return link + " is a link to nothing: only the class directory of the host's /sys is mounted",
			"mount all of it: -v /sys:" + hostPath(root, "sys") + ":ro"
	}
	reason = fmt.Sprintf("%s is a link to nothing: the container runtime masks %s", link, hostPath(root, virtualDir))
	if exists(root, "host/"+classDir) {
		return reason, "use the host's own that is mounted at " + hostPath(root, "host/sys") + ": --host-root " + hostPath(root, "host")
	}
	return reason, "start the container with -v /sys:/host/sys:ro and give --host-root /host"
}

// noDriver says why the kernel shows no RAPL zones though nothing hides them.
func noDriver(root *os.Root, topo *topology.Topology, err error) (reason, remedy string) {
	reason = hostPath(root, classDir) + " has no " + controlTypes[0]
	switch {
	case !exists(root, classDir):
		reason = "there is no " + hostPath(root, classDir)
	case err == nil:
		reason = hostPath(root, classDir+"/"+controlTypes[0]) + " holds no zone"
	}
	id := topo.Identity
	switch {
	case topo.Virt.IsVM():
		return fmt.Sprintf("%s: this is a virtual machine (%s, %s), and its hypervisor shows no RAPL", reason, topo.Virt.Kind, topo.Virt.Evidence), ""
	case !hasRAPL(id):
		return fmt.Sprintf("%s: this processor (%s) has no RAPL", reason, describe(id)), ""
	case !exists(root, classDir):
		return reason + ": the kernel was built without powercap", "boot a kernel with CONFIG_POWERCAP=y and CONFIG_INTEL_RAPL=m"
	case exists(root, "sys/module/intel_rapl_msr"):
		return fmt.Sprintf("%s: intel_rapl_msr is loaded but does not know this processor (%s), or its counters were 0", reason, describe(id)), ""
	}
	return reason + ": the driver is not loaded", "sudo modprobe intel_rapl_msr"
}

// hasRAPL reports whether processors of this kind have RAPL counters: Intel's
// since Sandy Bridge, AMD's and Hygon's since Zen.
func hasRAPL(id topology.Identity) bool {
	switch {
	case id.IsIntel() && id.Family == 6:
		switch id.Model {
		case 0x2c, 0x2e, 0x2f, 0x35, 0x36: // Westmere-EP, Nehalem- and Westmere-EX, Saltwell
			return false
		}
		return id.Model >= 0x2a
	case id.IsIntel():
		return id.Family > 15
	case id.IsAMD():
		return id.Family >= 0x17
	}
	return false
}

func describe(id topology.Identity) string {
	if id.Name == "" {
		return fmt.Sprintf("%s family %d model %d", id.Vendor, id.Family, id.Model)
	}
	return id.Name
}
