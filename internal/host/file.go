package host

import (
	"errors"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

var errNoDisks = errors.New("can't tell disks from what is stacked on them")

// list returns the paths of a directory's entries whose names have a prefix,
// sorted; none where there is no such directory.
func list(dir, prefix string) []string {
	// A directory that fails half-way still gave what it gave.
	names, _ := procfile.Entries(dir)
	var all []string
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			all = append(all, dir+"/"+name)
		}
	}
	slices.Sort(all)
	return all
}
