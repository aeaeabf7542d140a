package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/session"
)

// noProfile is the file name by which no host profile is used.
const noProfile = "none"

// profileEnv names the file of the host profile.
const profileEnv = "ENERGYPROBE_HOST_PROFILE"

// machineProfile is where a calibration by root leaves its profile, for
// everybody on the host.
const machineProfile = "/etc/energyprobe/host-profile.json"

// addHostProfile is the flag of the verbs that make use of a profile.
func (a *app) addHostProfile(c *cobra.Command) {
	c.Flags().StringVar(&a.hostProfile, "host-profile", "", "power models from `FILE`, of a host with this processor (energyprobe calibrate makes it; none: leave out the one of this host)")
}

// profilePaths are the places where a profile is looked for, in this order: the
// user's own, by the XDG Base Directory Specification, then the machine's.
func profilePaths(getenv func(string) string) []string {
	var paths []string
	config := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(config) { // the specification wants relative paths ignored
		config = ""
		if home := getenv("HOME"); filepath.IsAbs(home) {
			config = filepath.Join(home, ".config")
		}
	}
	if config != "" {
		paths = append(paths, filepath.Join(config, "energyprobe", "host-profile.json"))
	}
	return append(paths, machineProfile)
}

// profileOf reads the profile that measurements lean on: what the user names, or
// the first there is, nil for none. One that was merely found and can't be read
// is no reason not to measure.
func (a *app) profileOf() (*session.HostProfile, error) {
	asked := a.hostProfile
	if asked == "" {
		asked = os.Getenv(profileEnv)
	}
	switch asked {
	case noProfile:
		return nil, nil
	case "":
	default:
		p, err := model.ReadProfile(asked)
		if err != nil {
			return nil, err
		}
		return &session.HostProfile{Profile: p, Path: asked, Asked: true}, nil
	}
	for _, path := range profilePaths(os.Getenv) {
		p, err := model.ReadProfile(path)
		switch {
		case err == nil:
			return &session.HostProfile{Profile: p, Path: path}, nil
		case !errors.Is(err, fs.ErrNotExist):
			return &session.HostProfile{Path: path, Unreadable: err}, nil
		}
	}
	return nil, nil
}
