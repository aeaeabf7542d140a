package work

import (
	"fmt"
	"strings"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/app/ml"
	"github.com/energyprobe/energyprobe/bench/app/montecarlo"
	"github.com/energyprobe/energyprobe/bench/app/titanic"
	"github.com/energyprobe/energyprobe/bench/app/video"
)

// Apps are the built-in applications, in the order in which they are shown.
func Apps() []app.App {
	return []app.App{montecarlo.New(), montecarlo.NewPaced(), titanic.New(), ml.New(), video.New()}
}

// Find returns the application of a name.
func Find(apps []app.App, name string) (app.App, error) {
	var names []string
	for _, a := range apps {
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	return app.App{}, fmt.Errorf("there is no application %q: use one of %s", name, strings.Join(names, ", "))
}
