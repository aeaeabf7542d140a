package ml

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/app/boost"
	"github.com/energyprobe/energyprobe/bench/app/pca"
)

// peer is scikit-learn in a process of its own, which does a stage when asked.
type peer struct {
	ask    io.Writer
	answer *bufio.Scanner
}

type answer struct {
	Stage     string
	Seconds   float64
	Explained float64
	Values    []float64
	Accuracy  float64
	LogLoss   float64 `json:"log_loss"`
}

// python is one that has the peer's packages. Debian's own may not be the first.
func python(t testing.TB) string {
	t.Helper()
	var last []byte
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.Command(name, "-c", "import sklearn, pandas").CombinedOutput()
		if err == nil {
			return name
		}
		last = out
	}
	t.Skipf("no peer to compare with: apt install python3-sklearn python3-pandas libopenblas0-pthread\n%s", last)
	return ""
}

func startPeer(t testing.TB, file string) peer {
	t.Helper()
	c := exec.Command(python(t), filepath.Join("..", "..", "..", "testdata", "peers", "ml.py"), file, "--turns")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("peer: %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	return peer{in, lines}
}

func (p peer) turn(t testing.TB, stage string) answer {
	t.Helper()
	if _, err := io.WriteString(p.ask, stage+"\n"); err != nil {
		t.Fatal(err)
	}
	if !p.answer.Scan() {
		t.Fatalf("the peer says nothing to %s: %v", stage, p.answer.Err())
	}
	var a answer
	if err := json.Unmarshal(p.answer.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// ours is the same stages, with one model on all features and rows.
type ours struct {
	file                  string
	train, test           images
	basis                 pca.Basis
	trainZ, testZ         []float64
	trainTable, testTable boost.Table
	model                 *boost.Model
	accuracy, loss        float64
}

func (o *ours) turn(t testing.TB, stage string) (seconds float64) {
	t.Helper()
	began := cpuTime()
	var err error
	switch stage {
	case "read":
		var m images
		if m, err = load(o.file, 0); err == nil {
			o.train, o.test = m.split()
		}
	case "pca":
		if o.basis, err = pca.Fit(o.train.pixels, min(components, o.train.pixels.Rows-1)); err == nil {
			o.trainZ, o.testZ = o.basis.Project(o.train.pixels), o.basis.Project(o.test.pixels)
		}
	case "fit":
		var bins boost.Bins
		if bins, err = boost.FindBins(o.trainZ, o.train.pixels.Rows, len(o.basis.Values)); err == nil {
			o.trainTable, o.testTable = bins.Apply(o.trainZ), bins.Apply(o.testZ)
			p := params(1, 0)
			p.Features, p.Bagging = 1, 1
			o.model, err = boost.Train(context.Background(), p, o.trainTable, o.train.labels, nil)
		}
	case "predict":
		mean := make([]float64, o.testTable.Rows*classes)
		likeliest := predict(o.model, o.testTable, mean)
		r := judge(o.test.labels, [][]uint8{likeliest}, mean)
		o.accuracy, o.loss = r.accuracy, r.loss
	}
	if err != nil {
		t.Fatal(err)
	}
	return cpuTime() - began
}

// cpuTime is the process's, in seconds: other load counts less in it.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return (time.Duration(u.Utime.Nano()) + time.Duration(u.Stime.Nano())).Seconds()
}

var peerStages = []string{"read", "pca", "fit", "predict"}

func generated(t testing.TB, rows int) string {
	t.Helper()
	dir := t.TempDir()
	if err := prepare(context.Background(), app.Setup{Dir: dir, Size: rows, Seed: 42}); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, inputFile)
}

// BenchmarkPeer does each stage in turns with scikit-learn, on PEER_ROWS rows, and
// reports the medians of both and their ratio:
//
//	GOMAXPROCS=1 go test -run '^$' -bench Peer -benchtime 5x ./bench/app/ml
func BenchmarkPeer(b *testing.B) {
	rows := 6000
	if n, err := strconv.Atoi(os.Getenv("PEER_ROWS")); err == nil {
		rows = n
	}
	o := &ours{file: generated(b, rows)}
	p := startPeer(b, o.file)
	own, others := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for _, s := range peerStages {
			own[s] = append(own[s], o.turn(b, s))
			others[s] = append(others[s], p.turn(b, s).Seconds)
		}
	}
	for _, s := range peerStages {
		b.ReportMetric(median(own[s]), s+"-s")
		b.ReportMetric(median(others[s]), s+"-peer-s")
		b.ReportMetric(median(own[s])/median(others[s]), s+"-ratio")
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// scikit-learn finds the same components of the same rows, and its boosting is
// as good: within 3 points of accuracy, on 500 rows, and 3 % of the log loss.
func TestPeerAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of CPU time, most of them the peer's")
	}
	o := &ours{file: generated(t, 3000)}
	p := startPeer(t, o.file)
	var theirs answer
	for _, s := range peerStages {
		o.turn(t, s)
		switch a := p.turn(t, s); s {
		case "pca":
			if d := a.Explained - o.basis.Explained(); d < -1e-10 || d > 1e-10 {
				t.Errorf("components explain %v, the peer's %v", o.basis.Explained(), a.Explained)
			}
			for i, v := range a.Values {
				if d := v - o.basis.Values[i]; d < -1e-7 || d > 1e-7 {
					t.Errorf("variance %d is %v, the peer's %v", i, o.basis.Values[i], v)
				}
			}
			if len(a.Values) != components {
				t.Errorf("the peer has %d components", len(a.Values))
			}
		case "predict":
			theirs = a
		}
	}
	t.Logf("accuracy %.4f, the peer's %.4f; log loss %.4f, the peer's %.4f", o.accuracy, theirs.Accuracy, o.loss, theirs.LogLoss)
	if d := o.accuracy - theirs.Accuracy; d < -.03 || d > .03 {
		t.Errorf("accuracy %.4f, the peer's %.4f", o.accuracy, theirs.Accuracy)
	}
	if r := o.loss / theirs.LogLoss; r < .97 || r > 1.03 {
		t.Errorf("log loss %.4f, the peer's %.4f", o.loss, theirs.LogLoss)
	}
}
