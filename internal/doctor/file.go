package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// path returns where a file of the host is.
func (e examination) path(name string) string { return filepath.Join("/", e.Root, name) }

// text returns a small file without white space at its ends, "" when it can't
// be read.
func (e examination) text(name string) string {
	b, err := os.ReadFile(e.path(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number returns a file's number; ok is false when there is none.
func (e examination) number(name string) (n int, ok bool) {
	n, err := strconv.Atoi(e.text(name))
	return n, err == nil
}

func (e examination) exists(name string) bool {
	_, err := os.Stat(e.path(name))
	return err == nil
}

// live reports whether the files are those of the running kernel.
func (e examination) live() bool { return filepath.Join("/", e.Root) == "/" }

// module says how the kernel has a module.
type module string

const (
	moduleLoaded   module = "loaded"
	moduleBuiltIn  module = "built in"
	moduleLoadable module = "loadable"
	moduleNone     module = "none"    // the kernel was built without
	moduleMissing  module = "missing" // the kernel's modules are not installed
	moduleUnknown  module = ""        // nothing here tells
)

// module looks a module up by its file's name without .ko: in /sys/module, and
// in the lists that depmod(8) makes.
func (e examination) module(name string) module {
	if e.exists("sys/module/" + strings.ReplaceAll(name, "-", "_")) {
		return moduleLoaded
	}
	release := e.state.Kernel.Release
	dir := "lib/modules/" + release + "/"
	builtin, err := os.ReadFile(e.path(dir + "modules.builtin"))
	if err == nil && strings.Contains(string(builtin), "/"+name+".ko") {
		return moduleBuiltIn
	}
	list, err := os.ReadFile(e.path(dir + "modules.dep"))
	switch {
	case err == nil && strings.Contains(string(list), "/"+name+".ko"):
		return moduleLoadable
	case err == nil:
		return moduleNone
	case errors.Is(err, fs.ErrNotExist) && e.live() && !e.container.Inside():
		return moduleMissing
	}
	return moduleUnknown
}

// modprobe returns the line that loads a module and what stands in its way,
// one of which is "".
func (e examination) modprobe(name, option string) (line, why string) {
	switch e.module(name) {
	case moduleLoaded:
		return "", "the module " + name + " is loaded and found nothing to drive"
	case moduleBuiltIn:
		return "", "the driver " + name + " is built into this kernel and found nothing to drive"
	case moduleNone:
		return "", fmt.Sprintf("this kernel has no module %s (it was built without %s)", name, option)
	case moduleMissing:
		return "", fmt.Sprintf("this kernel's modules are not installed (/lib/modules/%s/modules.dep is missing), so %s has to come with the kernel (%s)", e.state.Kernel.Release, name, option)
	}
	if e.container.Inside() {
		return "on the host: sudo modprobe " + name, ""
	}
	return "sudo modprobe " + name, ""
}
