package work

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/energyprobe/energyprobe/bench/app"
)

// Coordinate is the coordinator's process: it reads a Job from stdin, runs it, and
// writes its Result to stdout. When stdin ends, whoever runs it is gone, and so
// are the workers then.
func Coordinate(ctx context.Context, stdin io.Reader, stdout io.Writer, argv []string, apps []app.App) error {
	d := json.NewDecoder(stdin)
	var job Job
	if err := d.Decode(&job); err != nil {
		return fmt.Errorf("wait for a job: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	r, err := Run(ctx, job, argv, apps)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(r)
}
