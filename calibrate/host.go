package calibrate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// Ready is the line by which a process that makes a load says that all its CPUs
// work. It ends its load when its standard input does: whatever becomes of this
// process, no load is left behind.
const Ready = "ready"

// Host is the machine that this program runs on.
type Host struct {
	Topology *topology.Topology
	// Load is the command that makes a load; the load's text is its last
	// argument.
	Load []string
	// Session says how to measure: root and source.
	Session session.Options
}

// patience is how long a load may take to begin: memory has to be filled.
const patience = 2 * time.Minute

// Hold is Machine's.
func (h *Host) Hold(ctx context.Context, s Step, settle time.Duration) (report.CalibrationPoint, error) {
	p := s.Point()
	o := h.Session
	o.Duration, o.Interval = s.Dwell, max(s.Dwell/12, 100*time.Microsecond)
	if s.Shape == report.ShapeIdle {
		o.Machine = true
	} else {
		l, err := startLoad(ctx, append(h.Load[:len(h.Load):len(h.Load)], s.Spec.String()))
		if err != nil {
			return p, err
		}
		defer l.end()
		o.PID = l.cmd.Process.Pid
	}
	if err := wait(ctx, settle); err != nil {
		return p, err
	}
	var usage []energy.PackageUsage
	o.Usage = func(u energy.Usage) { usage = u.Packages }
	r, err := session.Run(ctx, o)
	if err != nil {
		return p, err
	}
	Observe(&p, r, usage, h.Topology, s.Placed())
	return p, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// running is a process that makes a load.
type running struct {
	cmd   *exec.Cmd
	stdin io.Closer
	said  bytes.Buffer // on standard error
	over  chan error
}

// startLoad returns when the load's CPUs work.
func startLoad(ctx context.Context, argv []string) (*running, error) {
	r := &running{cmd: exec.Command(argv[0], argv[1:]...), over: make(chan error, 1)}
	r.cmd.Stderr = &r.said
	stdin, err := r.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r.stdin = stdin
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a load: %w", err)
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewReader(stdout)
		line, _ := lines.ReadString('\n')
		ready <- strings.TrimSpace(line) == Ready
		_, _ = io.Copy(io.Discard, lines) // what it did is not needed
		r.over <- r.cmd.Wait()
	}()
	select {
	case ok := <-ready:
		if ok {
			return r, nil
		}
		err = errors.New("it did not begin")
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(patience):
		err = fmt.Errorf("it did not begin within %v", patience)
	}
	r.end()
	return nil, fmt.Errorf("load %q: %w: %s", argv[len(argv)-1], err, strings.TrimSpace(r.said.String()))
}

// end ends the load, and its process whatever it does.
func (r *running) end() {
	_ = r.stdin.Close() // an error means that it has ended
	select {
	case <-r.over:
	case <-time.After(5 * time.Second):
		_ = r.cmd.Process.Kill()
		<-r.over
	}
}
