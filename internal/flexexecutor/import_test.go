package flexexecutor_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/flexexecutor"
	"github.com/energyprobe/energyprobe/internal/price"
	"github.com/energyprobe/energyprobe/internal/report"
)

// writeTree makes files below a new directory.
func writeTree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if strings.HasSuffix(name, ".gz") && !strings.Contains(text, "\x1f\x8b") {
			data = pack(t, text)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func pack(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// two is a whole profile: two workers, two repetitions.
const two = `{"(1, 1769, 2)": {
	"read": [[0.5, 0.25], [0.5, 0.5]], "compute": [[4, 5], [6, 7]], "write": [[0.25, 0.25], [0.5, 0.5]],
	"cold_start": [[1, 2], [0.5, 0.5]], "time_consumption": [[10.00000001, 12], [14, 16]], "worker_time_execution": [[10.0000000149, 12], [14, 16]],
	"measurement_energy": [["null, null, null, psutil", "null, null, null, psutil"], ["null, null, null, psutil", "null, null, null, psutil"]],
	"RAPL_wrong": [[12, 12], [12, 12]], "TDP": [[4, 5], [6, 7]],
	"perf_energy_cores": [[0.0, 0.0], [0.0, 0.0]], "psutil_cpu_percent": [[1.5, 2.5], [0.0, 3]],
	"cpu_name": [["AMD EPYC", "Intel(R) Xeon(R) Processor @ 2.90GHz"], ["AMD EPYC", "AMD EPYC"]],
	"cpu_architecture": [["x86_64", "x86_64"], ["x86_64", "x86_64"]],
	"cpu_cores_physical": [[0, 0], [2, 2]], "cpu_cores_logical": [[2, 2], [2, 2]],
	"aws_cpu": [["type:lambda-function|arch:x86_64|lambda:True|mem:1769", "type:lambda-function|arch:x86_64|lambda:True|mem:1769"], ["a|lambda:True|", "b|lambda:True|"]]
}}`

func importText(t testing.TB, text string) *report.Bench {
	t.Helper()
	return importAll(t, flexexecutor.Options{}, writeTree(t, map[string]string{"titanic_aws_1769Mb_x86/stage.json": text}))
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(math.Abs(a), math.Abs(b)) }

// Everything of a small profile, by hand.
func TestImportByHand(t *testing.T) {
	b := importText(t, two)
	if b.Schema != report.BenchSchema || b.Kind != report.BenchImport || b.Host != nil || len(b.Cells) != 2 || len(b.Warnings) != 0 || len(b.Origin) != 1 {
		t.Fatalf("%+v", b)
	}
	c := &b.Cells[0]
	if c.ID != "titanic-x86_64-1769-02-r1" || c.Application != "titanic" || c.Arch != "x86_64" || *c.MemoryMB != 1769 || *c.VCPU != 1 ||
		c.Workers != 2 || c.Repetition != 1 || c.Order != 0 || c.Status != report.CellOK || len(c.Invocations) != 2 {
		t.Fatalf("%+v", c)
	}
	if *c.DurationS != 12 || *c.CPUS != 2*(4+5) || !slices.Equal(c.CPUNames, []string{"AMD EPYC", "Intel(R) Xeon(R) Processor @ 2.90GHz"}) {
		t.Errorf("%g s, %g CPU s, on %q", *c.DurationS, *c.CPUS, c.CPUNames)
	}
	v := &c.Invocations[0]
	if v.Stage != "stage" || v.Worker != 0 || *v.DurationS != 10.0000000149 || *v.ReadS != 0.5 || *v.ComputeS != 4 || *v.WriteS != 0.25 || *v.ColdStartS != 1 || *v.CPUS != 8 || v.CPUName != "AMD EPYC" || v.PeakMemoryBytes != nil {
		t.Errorf("%+v", v)
	}
	if c.Metrics["RAPL_wrong"].Value == nil || *c.Metrics["RAPL_wrong"].Value != 12 || *c.Metrics["psutil_cpu_percent"].Value != 2 {
		t.Errorf("%+v", c.Metrics)
	}
	for _, m := range []string{"perf_energy_cores", "cpu_cores_physical"} {
		if got := c.Metrics[m]; got.Value != nil || got.Reason == "" {
			t.Errorf("%s: %+v: 0 stands for what is not known", m, got)
		}
	}
	if got := b.Cells[1].Metrics["cpu_cores_physical"]; got.Value == nil || *got.Value != 2 {
		t.Errorf("%+v", got)
	}

	// 225 W of the whole socket, times TDP.
	whole := energyOf(t, c, report.MethodWholeSocket)
	if *whole.EnergyJ != 225*9 || *whole.SocketW != 225 || *whole.PowerW != 225*9/12.0 || !strings.Contains(whole.Assumes, "225 W of a whole socket") {
		t.Errorf("%+v", whole)
	}
	// The vCPU share. EPYC 7R13 or 9R14: 240 W on 96 threads and 320 W on 96:
	// between them 280/96 W a thread, at rest a fifth of it; busy 0.8 of it times
	// 0.63/0.9/0.5. Xeon 8375C: 300 W on 64.
	share := energyOf(t, c, report.MethodVCPUShare)
	amd, intel := (240.0/96+320.0/96)/2, 300.0/64
	const busy = 0.8 * (0.63 / 0.90 / 0.5)
	want := amd*(0.2*10.001+busy*8) + intel*(0.2*12+busy*10)
	if !near(*share.EnergyJ, want) || !(*share.LowJ < want/1.2 && *share.HighJ > want*1.2) {
		t.Errorf("%g (%g to %g) J, want %g", *share.EnergyJ, *share.LowJ, *share.HighJ, want)
	}
	for _, part := range []string{"EPYC 7R13 or EPYC 9R14", "Xeon Platinum 8375C", "1 vCPU (1769 of 1769 MB)"} {
		if !strings.Contains(share.Assumes, part) {
			t.Errorf("%q does not say %q", share.Assumes, part)
		}
	}
	if c.Energy[0].Method != report.MethodVCPUShare {
		t.Error("the first method is the one to go by")
	}

	// $0.0000166667 for a GB-s, $0.20 for a million requests.
	gbs := (10.001 + 12) * 1769 / 1024
	if !near(c.Cost.BilledS, 22.001) || !near(c.Cost.BilledGBS, gbs) || !near(c.Cost.Compute, gbs*.0000166667) || !near(c.Cost.Requests, .0000004) || !near(c.Cost.Total, c.Cost.Compute+c.Cost.Requests) {
		t.Errorf("%+v", c.Cost)
	}
	if b.Prices == nil || b.Prices.Name != "aws-lambda us-east-1" || !strings.Contains(b.Prices.Note, "lower bound") {
		t.Errorf("%+v", b.Prices)
	}
}

func TestOptions(t *testing.T) {
	root := writeTree(t, map[string]string{"titanic_aws_1769Mb_x86/stage.json": two})
	fork, err := flexexecutor.ParseWatts("fork")
	if err != nil {
		t.Fatal(err)
	}
	own := &price.List{Name: "own", Currency: "EUR", Date: "2026-01-01", Request: 1, Compute: map[string][]price.Tier{"x86_64": {{GBS: 0, UpTo: math.Inf(1)}}}}
	b := importAll(t, flexexecutor.Options{SocketW: fork, Prices: own, BillColdStart: true}, root)
	c := &b.Cells[0]
	if e := energyOf(t, c, report.MethodWholeSocket); *e.EnergyJ != 166*9 {
		t.Errorf("%+v", e)
	}
	if c.Cost.Total != 2 || !near(c.Cost.BilledS, 10.0000000149+1+12+2) || b.Prices.Name != "own" || !strings.Contains(b.Prices.Note, "upper bound") {
		t.Errorf("%+v %+v", c.Cost, b.Prices)
	}
	b = importAll(t, flexexecutor.Options{UsedGBS: 20e9}, root)
	if c := b.Cells[0].Cost; !near(c.Compute, c.BilledGBS*.0000133334) {
		t.Errorf("the third tier: %+v", c)
	}
	// A list without the architecture: no cost, and a word about it.
	arm := &price.List{Name: "arm only", Compute: map[string][]price.Tier{"aarch64": {{GBS: 1, UpTo: math.Inf(1)}}}}
	b = importAll(t, flexexecutor.Options{Prices: arm}, root)
	if b.Cells[0].Cost != nil || b.Prices != nil || !warned(b, "price-missing", "no price for x86_64") {
		t.Errorf("%+v %+v", b.Cells[0].Cost, b.Warnings)
	}
}

func TestParseWatts(t *testing.T) {
	for text, want := range map[string]flexexecutor.Watts{
		"seed": {Name: "seed", X86: 225, Arm: 300}, "": {Name: "seed", X86: 225, Arm: 300}, "fork": {Name: "fork", X86: 166, Arm: 100},
		"x86=200": {X86: 200, Arm: 300}, "arm=110,x86=240.5": {X86: 240.5, Arm: 110}, "aarch64=80, x86_64=90": {X86: 90, Arm: 80},
	} {
		if got, err := flexexecutor.ParseWatts(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"x", "x86", "x86=", "x86=0", "x86=-5", "x86=NaN", "x86=1e9", "riscv=5", "x86=5,x86=6", "x86=5;arm=6", ","} {
		if got, err := flexexecutor.ParseWatts(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func warned(b *report.Bench, code, text string) bool {
	return slices.ContainsFunc(b.Warnings, func(w report.Warning) bool {
		return w.Code == code && strings.Contains(w.Message, text) && w.Advice != ""
	})
}

// Directories, as people spell them.
func TestPlaces(t *testing.T) {
	cell := func(mem int) string {
		return fmt.Sprintf(`{"(1, %d, 1)": {"worker_time_execution": [[2]], "TDP": [[1]]}}`, mem)
	}
	for _, c := range []struct {
		dir, file, mem, app, arch, stage string
		onLambda, warns                  bool
	}{
		{"pi_aws_2048MB_x86", "stage.json", "2048", "pi", "x86_64", "stage", true, false},
		{"pi_aws_512Mb_arm", "stage.json", "512", "pi", "aarch64", "stage", true, false},
		{"ml_aws_1024Mb_x86", "stage0_1024MB.json.gz", "1024", "ml", "x86_64", "stage0", true, false},
		{"titanic_aws_512_x86", "stage.json.gz", "512", "titanic", "x86_64", "stage", true, false},
		{"two_words_aws_2GB_arm64", "map.json", "2048", "two_words", "aarch64", "map", true, false},
		{"a_lambda_1024mib_x86_64", "s.json", "1024", "a", "x86_64", "s", true, false},
		{"a_aws_1024Mb_amd64", "s.json", "2048", "a", "x86_64", "s", true, true},
		{"video_local_1024_x86", "stage.json", "1024", "video-local", "x86_64", "stage", false, false},
		{"video_k8s_1024Mb_aarch64", "stage.json", "1024", "video-k8s", "aarch64", "stage", false, false},
		{"mini-dag", "map.json", "1024", "mini-dag", "unknown", "map", false, true},
		{"app_aws_512Mb_graviton2", "stage.JSON", "512", "app", "aarch64", "stage", true, false},
		{"app_aws_512 MB_arm", "stage.json", "512", "app", "aarch64", "stage", true, false},
		{"app_aws_0.5GB_arm", "stage.json", "512", "app", "aarch64", "stage", true, false},
		{"my-app-aws-512Mb-x86-64", "stage.json", "512", "my-app", "x86_64", "stage", true, false},
		{"app_aws_arm64_512MB", "stage.json", "512", "app", "aarch64", "stage", true, false},
		{"app_aws_512Mb_arm_run2", "stage.json", "512", "app_run2", "aarch64", "stage", true, false},
		{"app_aws_512Mb_arm_2", "stage.json", "512", "app_2", "aarch64", "stage", true, false},
		{"aws", "stage.json", "512", "aws", "unknown", "stage", false, true},
	} {
		mem := 0
		fmt.Sscan(c.mem, &mem)
		root := writeTree(t, map[string]string{filepath.Join("x", c.dir, c.file): cell(mem), "x/notes.txt": "nothing", "x/.hidden/bad.json": "[]"})
		b := importAll(t, flexexecutor.Options{}, root)
		got := &b.Cells[0]
		if len(b.Cells) != 1 || got.Application != c.app || got.Arch != c.arch || *got.MemoryMB != mem || got.Invocations[0].Stage != c.stage {
			t.Errorf("%s: %s %s %d %s", c.dir, got.Application, got.Arch, *got.MemoryMB, got.Invocations[0].Stage)
		}
		if (got.VCPU != nil) != c.onLambda || (got.Cost != nil) != c.onLambda || (len(b.Warnings) > 0) != c.warns {
			t.Errorf("%s: %v %v %+v", c.dir, got.VCPU, got.Cost, b.Warnings)
		}
		if share := energyOf(t, got, report.MethodVCPUShare); (share.EnergyJ != nil) != c.onLambda || (share.Reason == "") != c.onLambda {
			t.Errorf("%s: %+v", c.dir, share)
		}
	}
}

// Where the directory does not say where it ran, the workers do.
func TestBackendOfTheWorkers(t *testing.T) {
	profile := func(aws ...string) string {
		return fmt.Sprintf(`{"(1, 1769, 2)": {"worker_time_execution": [[2, 3]], "TDP": [[1, 1]], "cpu_architecture": [["aarch64", "aarch64"]], "aws_cpu": [["%s", "%s"]]}}`, aws[0], aws[1])
	}
	const on, off = "type:Unknown|arch:aarch64|lambda:True|mem:1769", "type:Unknown|arch:aarch64|lambda:False|mem:Unknown"
	for _, c := range []struct {
		dir, text        string
		onLambda, warned bool
	}{
		{"titanic", profile(on, on), true, false},
		{"titanic", profile(off, off), false, false},
		{"titanic", profile(on, off), false, true},
		{"titanic", profile("", ""), false, true},
		{"titanic_k8s_1769Mb_arm", profile(on, on), false, false}, // the directory has a say first
	} {
		b := importAll(t, flexexecutor.Options{}, writeTree(t, map[string]string{c.dir + "/stage.json": c.text}))
		got := &b.Cells[0]
		if (got.VCPU != nil) != c.onLambda || (got.Cost != nil) != c.onLambda || warned(b, "backend-unknown", c.dir) != c.warned {
			t.Errorf("%s %s: %v %v %+v", c.dir, c.text, got.VCPU, got.Cost, b.Warnings)
		}
		if share := energyOf(t, got, report.MethodVCPUShare); (share.EnergyJ != nil) != c.onLambda {
			t.Errorf("%s %s: %+v", c.dir, c.text, share)
		}
	}
}

// The platform's own word stands in for the architecture, and is held against the
// key's memory.
func TestWhatThePlatformSays(t *testing.T) {
	const profile = `{"(1, 512, 2)": {"worker_time_execution": [[2, 3]], "TDP": [[1, 1]], "aws_cpu": [["type:lambda-function|arch:aarch64|lambda:True|mem:%s", "type:lambda-function|arch:aarch64|lambda:True|mem:%[1]s"]]}}`
	for _, c := range []struct {
		mem    string
		warned bool
	}{{"512", false}, {"1024", true}, {"Unknown", false}} {
		b := importAll(t, flexexecutor.Options{}, writeTree(t, map[string]string{"titanic_aws/stage.json": fmt.Sprintf(profile, c.mem)}))
		if got := b.Cells[0].Arch; got != "aarch64" || warned(b, "arch-unknown", "") {
			t.Errorf("%s: %s %+v", c.mem, got, b.Warnings)
		}
		if got := warned(b, "memory-disagrees", `2 workers say that they had 1024 MB, the key "(1, 512, 2)" says 512 MB`); got != c.warned || !c.warned && len(b.Warnings) > 0 {
			t.Errorf("%s: %+v", c.mem, b.Warnings)
		}
	}
}

// Keys, as FlexExecutor writes them and as others do.
func TestSpellingsOfKeys(t *testing.T) {
	for key, want := range map[string]string{
		"(1, 512, 4)": "1 512 4", "[1,512,4]": "1 512 4", "(0.29, 512, 4)": "0.29 512 4", "(1, 0, 4)": "1 0 4",
		"(1, 512MB, 4)": "1 512 4", "(1, 1024Mb, 28)": "1 1024 28", "(1, '2048MB', 4)": "1 2048 4", `(1, \"512 MB\", 4)`: "1 512 4", "(1, '512', '4')": "1 512 4",
		"(1, 2GB, 4)": "1 2048 4", "(1, 0.5GB, 4)": "1 512 4", "(1.0, 512.0, 4.0)": "1 512 4", "(1, 512, 4,)": "1 512 4",
		"(np.int64(1), np.int64(512), np.int64(4))": "1 512 4", "(1, np.str_('512Mb'), 4)": "1 512 4",
		"(1, 512KB, 4)": "", "(1, 512.5, 4)": "", "(1, 512, 4.5)": "", "(1, -512, 4)": "", "(None, 512, 4)": "", "(1, '512, 4)": "", "1, 512, 4": "", "(1, 512, 4, 7)": "", "(1, , 4)": "", "(1, 99999999999GB, 4)": "",
	} {
		root := writeTree(t, map[string]string{"a_aws/s.json": `{"` + key + `": {"worker_time_execution": [[2]], "cpu_architecture": [["aarch64"]]}}`})
		b, err := flexexecutor.Import([]string{root}, flexexecutor.Options{})
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "s.json: line 1") || !strings.Contains(err.Error(), "want a key") {
				t.Errorf("%s: %v", key, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		c, mb := &b.Cells[0], 0
		if c.MemoryMB != nil {
			mb = *c.MemoryMB
		}
		if got := fmt.Sprintf("%g %d %d", *c.Metrics["key_cpu"].Value, mb, c.Workers); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	// Two spellings of one configuration are two keys to readers of JSON.
	b := importText(t, `{"(1, 1769, 1)": {"worker_time_execution": [[2]]}, "(1, 1769MB, 1)": {"worker_time_execution": [[3], [4]]}}`)
	if len(b.Cells) != 2 || *b.Cells[0].DurationS != 3 || !warned(b, "duplicate", `the keys "(1, 1769, 1)" and "(1, 1769MB, 1)" are the same configuration`) {
		t.Errorf("%+v", b.Warnings)
	}
}

// Data sets are put together with symbolic links, and links make circles.
func TestSymbolicLinks(t *testing.T) {
	data := writeTree(t, map[string]string{"real_aws_1769Mb_x86/stage.json": two})
	root := writeTree(t, map[string]string{"notes.txt": "nothing"})
	for name, target := range map[string]string{
		"pi_aws_1769Mb_x86": filepath.Join(data, "real_aws_1769Mb_x86"), "again": root, "up": "..", "nowhere": "/no/such/place",
		".hidden": filepath.Join(data, "real_aws_1769Mb_x86"),
	} {
		if name == "up" {
			target = "." // and not into other tests' directories
		}
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	b := importAll(t, flexexecutor.Options{}, root)
	if len(b.Cells) != 2 || b.Cells[0].Application != "real" {
		t.Errorf("%d cells of %s", len(b.Cells), b.Cells[0].Application)
	}
	if err := os.Symlink("/no/such/file", filepath.Join(root, "stage.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := flexexecutor.Import([]string{root}, flexexecutor.Options{}); err == nil || !strings.Contains(err.Error(), filepath.Join(root, "stage.json")) {
		t.Errorf("a profile that leads nowhere: %v", err)
	}
}

// What stands in a file reaches a terminal in quotes.
func TestNamesInMessages(t *testing.T) {
	b := importText(t, `{"(1, 1769, 1)": {"worker_time_execution": [[2]], "": [[1]], "a\u001b[2Jb": [[1], [2]], "c\nd": {"x": 1}}}`)
	for _, w := range b.Warnings {
		if strings.ContainsAny(w.Message+w.Advice, "\x1b\n") {
			t.Errorf("%q", w.Message)
		}
	}
	if !warned(b, "metric-unknown", `"" is no metric`) || !warned(b, "metric-unknown", `"a\x1b[2Jb" is no metric`) || !warned(b, "metric-shape", `"c\nd" is no metric`) {
		t.Errorf("%+v", b.Warnings)
	}
}

// Stages of one application are put together; the stages with one worker too.
func TestStages(t *testing.T) {
	one := func(s string) string {
		return `{"(4, 512, 3)": {"worker_time_execution": ` + s + `, "TDP": ` + s + `}}`
	}
	root := writeTree(t, map[string]string{
		"video_aws_512Mb_arm/stage0.json":  one(`[[10], [11]]`),
		"video_aws_512Mb_arm/stage2.json":  one(`[[1, 2, 3], [4, 6, 5]]`),
		"video_aws_512Mb_arm/stage10.json": one(`[[7]]`),
	})
	b := importAll(t, flexexecutor.Options{}, root)
	if len(b.Cells) != 2 || !warned(b, "stages-ragged", "1 of stage10; 2 of stage0, stage2") {
		t.Fatalf("%d cells, %+v", len(b.Cells), b.Warnings)
	}
	c := &b.Cells[0]
	var stages []string
	for _, v := range c.Invocations {
		stages = append(stages, v.Stage)
	}
	if *c.DurationS != 10+3+7 || *c.CPUS != 2*(10+1+2+3+7) || !slices.Equal(stages, []string{"stage0", "stage2", "stage2", "stage2", "stage10"}) {
		t.Errorf("%g s, %g CPU s, %q", *c.DurationS, *c.CPUS, stages)
	}
	// The second ended before its last stage: its cost and energy would be those
	// of a shorter application.
	c = &b.Cells[1]
	if c.Status != report.CellFailed || c.DurationS != nil || c.Cost != nil || !strings.Contains(c.Reason, "stage10") || len(c.Invocations) != 4 {
		t.Errorf("%+v", c)
	}
	for _, e := range c.Energy {
		if e.EnergyJ != nil || e.LowJ != nil || e.Reason == "" {
			t.Errorf("%+v", e)
		}
	}
}

// The same configuration in two directories has more repetitions; a directory
// that is named twice is read once.
func TestDirectoriesOnce(t *testing.T) {
	root := writeTree(t, map[string]string{"a/pi_aws_512Mb_x86/stage.json": two, "b/pi_aws_512Mb_x86/stage.json.gz": two})
	a := filepath.Join(root, "a")
	b := importAll(t, flexexecutor.Options{}, a, filepath.Join(root, "b"), a+"/../a/pi_aws_512Mb_x86", filepath.Join(a, "pi_aws_512Mb_x86", "stage.json"))
	seen := map[string]bool{}
	for i := range b.Cells {
		seen[b.Cells[i].ID] = true
		if b.Cells[i].Repetition != i+1 || b.Cells[i].Order != i {
			t.Errorf("%s is repetition %d", b.Cells[i].ID, b.Cells[i].Repetition)
		}
	}
	if len(b.Cells) != 4 || len(seen) != 4 {
		t.Errorf("%v", seen)
	}
	root = writeTree(t, map[string]string{"ml_aws_2048Mb_x86/stage0.json": two, "ml_aws_2048Mb_x86/stage0_2048MB.json": two})
	if _, err := flexexecutor.Import([]string{root}, flexexecutor.Options{}); err == nil || !strings.Contains(err.Error(), `are both stage "stage0" of ml_aws_2048Mb_x86`) {
		t.Error(err)
	}
	for _, bad := range []string{root + "/none", t.TempDir()} {
		if _, err := flexexecutor.Import([]string{bad}, flexexecutor.Options{}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Error(err)
		}
	}
	if _, err := flexexecutor.Import(nil, flexexecutor.Options{}); err == nil {
		t.Error("of nothing")
	}
}

// What a profile can have in the place of what it should.
func TestOddities(t *testing.T) {
	edit := func(old, new string) string {
		if !strings.Contains(two, old) {
			t.Fatalf("there is no %s", old)
		}
		return strings.Replace(two, old, new, 1)
	}
	for _, c := range []struct {
		name, text string
		code, says string
		check      func(t *testing.T, b *report.Bench)
	}{
		{"a null", edit(`"TDP": [[4, 5]`, `"TDP": [[null, 5]`), "value-missing", `of TDP, values are missing: 1 null, the first at "(1, 1769, 2)".TDP[0][0]`, func(t *testing.T, b *report.Bench) {
			if c := b.Cells[0]; c.Invocations[0].CPUS != nil || c.Invocations[1].CPUS == nil || c.CPUS != nil || c.DurationS == nil || c.Cost == nil {
				t.Errorf("%+v", c)
			}
			for _, e := range b.Cells[0].Energy {
				if e.EnergyJ != nil || !strings.Contains(e.Reason, "worker 0 of stage") {
					t.Errorf("%+v", e)
				}
			}
			if b.Cells[1].CPUS == nil || b.Cells[1].Energy[0].EnergyJ == nil {
				t.Error("the other repetition is whole")
			}
		}},
		{"NaN and Infinity", edit(`"read": [[0.5, 0.25], [0.5, 0.5]]`, `"read": [[NaN, Infinity], [-Infinity, 1e999]]`), "value-missing", "of read, values are missing: 4 NaN or infinite", func(t *testing.T, b *report.Bench) {
			for _, c := range b.Cells {
				if c.Invocations[0].ReadS != nil || c.Invocations[1].ReadS != nil || c.DurationS == nil || c.Energy[0].EnergyJ == nil {
					t.Errorf("%+v", c)
				}
			}
		}},
		{"a negative time", edit(`"compute": [[4`, `"compute": [[-4`), "value-missing", "1 negative or beyond all time", func(t *testing.T, b *report.Bench) {
			if b.Cells[0].Invocations[0].ComputeS != nil {
				t.Error("-4 s")
			}
		}},
		{"no duration", edit(`"worker_time_execution": [[10.0000000149, 12], [14, 16]],`, ``), "", "", func(t *testing.T, b *report.Bench) {
			if c := b.Cells[0]; *c.DurationS != 12 || *c.Invocations[0].DurationS != 10.00000001 { // the rounded one will do
				t.Errorf("%+v", c)
			}
		}},
		{"a metric with a repetition less", edit(`"TDP": [[4, 5], [6, 7]]`, `"TDP": [[4, 5]]`), "repetitions-ragged", "there are times of 2 repetitions, and others of TDP 1", func(t *testing.T, b *report.Bench) {
			if len(b.Cells) != 2 || b.Cells[0].CPUS == nil || b.Cells[1].CPUS != nil || b.Cells[1].DurationS == nil {
				t.Errorf("%+v", b.Cells)
			}
		}},
		{"metrics with repetitions beyond", edit(`"RAPL_wrong": [[12, 12], [12, 12]]`, `"RAPL_wrong": [[12, 12], [12, 12], [12, 12], [12, 12]]`), "repetitions-ragged", "RAPL_wrong 4", func(t *testing.T, b *report.Bench) {
			if len(b.Cells) != 2 {
				t.Errorf("%d cells", len(b.Cells))
			}
		}},
		{"a worker less", edit(`"write": [[0.25, 0.25]`, `"write": [[0.25]`), "", "", func(t *testing.T, b *report.Bench) {
			if c := b.Cells[0]; c.Invocations[1].WriteS != nil || *c.Invocations[0].WriteS != 0.25 {
				t.Errorf("%+v", c)
			}
		}},
		{"another number of workers", strings.ReplaceAll(two, "1769, 2)", "1769, 3)"), "workers-disagree", "repetition 1 has 2 workers", func(t *testing.T, b *report.Bench) {
			if b.Cells[0].Workers != 3 || len(b.Cells[0].Invocations) != 2 {
				t.Errorf("%+v", b.Cells[0])
			}
		}},
		{"an empty cell", `{"(1, 1769, 4)": {}, "(1, 1769, 5)": null, "(1, 1769, 6)": {"read": [], "TDP": []}, "(1, 1769, 7)": {"read": [[]]}}`, "", "", func(t *testing.T, b *report.Bench) {
			if len(b.Cells) != 4 {
				t.Fatalf("%+v", b.Cells)
			}
			for _, c := range b.Cells {
				if c.Status != report.CellEmpty || c.Reason == "" || c.DurationS != nil || c.Cost != nil || c.CPUS != nil || c.Invocations == nil || len(c.Invocations) > 0 || len(c.Energy) > 0 {
					t.Errorf("%+v", c)
				}
			}
		}},
		{"nothing", `{}`, "profile-empty", "it holds no configuration", nil},
		{"an unknown metric", edit(`"RAPL_wrong"`, `"perf_energy_pkg": [[100, 200], [0.0, -5]], "zone": [["a", "a"], ["a", "b"]], "RAPL_wrong"`), "metric-unknown", "perf_energy_pkg is no metric of the format", func(t *testing.T, b *report.Bench) {
			if m := b.Cells[0].Metrics["perf_energy_pkg"]; m.Value == nil || *m.Value != 150 || m.Unit != "J" || m.Reason == "" {
				t.Errorf("%+v", m)
			}
			// The original's README has -118.66 J: no counter gives that.
			if m := b.Cells[1].Metrics["perf_energy_pkg"]; m.Value != nil || !strings.Contains(m.Reason, "negative") || !warned(b, "counter-negative", "-5 at least") {
				t.Errorf("%+v", m)
			}
			if b.Cells[0].Labels["zone"] != "a" || b.Cells[1].Labels["zone"] != "" || b.Cells[1].Invocations[1].Labels["zone"] != "b" {
				t.Errorf("%+v", b.Cells[1])
			}
		}},
		{"an unknown metric of another shape", edit(`"RAPL_wrong"`, `"notes": {"a": [1, {"b": [null, true]}]}, "more": [1, [2, [3]]], "RAPL_wrong"`), "metric-shape", "notes is no metric", func(t *testing.T, b *report.Bench) {
			if len(b.Cells) != 2 || !warned(b, "metric-shape", "more is no metric") {
				t.Errorf("%+v", b.Warnings)
			}
			if _, ok := b.Cells[0].Metrics["notes"]; ok {
				t.Error("notes are kept")
			}
		}},
		{"a key twice", `{"(1, 512, 1)": {"worker_time_execution": [[1], [2], [3]]}, "(1, 512, 1)": {"worker_time_execution": [[7]]}}`, "duplicate", `the key "(1, 512, 1)" is there twice: the last one counts`, func(t *testing.T, b *report.Bench) {
			if len(b.Cells) != 1 || *b.Cells[0].DurationS != 7 {
				t.Errorf("%+v", b.Cells)
			}
		}},
		{"a metric twice", edit(`"read"`, `"TDP": [[400, 500], [600, 700]], "read"`), "duplicate", "the metric TDP is there twice", func(t *testing.T, b *report.Bench) {
			if *b.Cells[0].CPUS != 18 {
				t.Errorf("%g", *b.Cells[0].CPUS)
			}
		}},
		{"a number where CPUs are not", edit(`"cpu_cores_logical": [[2, 2]`, `"cpu_cores_logical": [["N/A", 2]`), "value-missing", "1 no number", func(t *testing.T, b *report.Bench) {
			if *b.Cells[0].CPUS != 18 { // two is what Lambda shows
				t.Errorf("%g", *b.Cells[0].CPUS)
			}
		}},
		{"four CPUs", strings.ReplaceAll(two, `"cpu_cores_logical": [[2, 2], [2, 2]]`, `"cpu_cores_logical": [[4, 4], [4, 4]]`), "", "", func(t *testing.T, b *report.Bench) {
			if *b.Cells[0].CPUS != 36 {
				t.Errorf("%g", *b.Cells[0].CPUS)
			}
		}},
		{"no brand", edit(`"AMD EPYC", "AMD EPYC"`, `"Unknown", null`), "value-missing", "of cpu_name", func(t *testing.T, b *report.Bench) {
			e := energyOf(t, &b.Cells[1], report.MethodVCPUShare)
			if e.EnergyJ == nil || !strings.Contains(e.Assumes, "Xeon Platinum 8259CL or") || *e.HighJ < 3**e.LowJ {
				t.Errorf("%+v: it may be any of Lambda's", e)
			}
		}},
		{"not on Lambda", edit("a|lambda:True|", "type:unknown|arch:Unknown|lambda:False|mem:unknown"), "not-on-lambda", "titanic-x86_64-1769-02-r2: 1 of 2 invocations did not run on Lambda", func(t *testing.T, b *report.Bench) {
			c := &b.Cells[1]
			e := energyOf(t, c, report.MethodVCPUShare)
			if c.Cost != nil || e.EnergyJ != nil || !strings.Contains(e.Reason, "did not run on Lambda") || c.Invocations[0].CPUS != nil || c.Invocations[1].CPUS == nil || len(c.Warnings) != 1 {
				t.Errorf("%+v", c)
			}
			if e := energyOf(t, c, report.MethodWholeSocket); *e.EnergyJ != 225*13 {
				t.Errorf("%+v: it is what the study did", e)
			}
		}},
		{"another architecture", strings.ReplaceAll(two, `"x86_64"`, `"aarch64"`), "arch-disagrees", "the directory says x86_64, the workers aarch64", func(t *testing.T, b *report.Bench) {
			if b.Cells[0].Arch != "aarch64" {
				t.Error(b.Cells[0].Arch)
			}
		}},
		{"two architectures", edit(`"cpu_architecture": [["x86_64"`, `"cpu_architecture": [["aarch64"`), "arch-mixed", "3 workers on x86_64 and 1 on aarch64; taken for x86_64", nil},
		{"no work", edit(`"compute": [[4, 5]`, `"compute": [[1.2e-05, 1e-05]`), "no-work", "titanic-x86_64-1769-02-r1: no worker of stage, of 2, computed", func(t *testing.T, b *report.Bench) {
			if len(b.Cells[0].Warnings) != 1 || len(b.Cells[1].Warnings) != 0 {
				t.Errorf("%+v", b.Cells)
			}
		}},
		{"a byte order mark", "\xef\xbb\xbf" + two, "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := importText(t, c.text)
			if c.code == "" && len(b.Warnings) > 0 || c.code != "" && !warned(b, c.code, c.says) {
				t.Errorf("%+v, want %s: %s", b.Warnings, c.code, c.says)
			}
			if c.check != nil {
				c.check(t, b)
			}
			holds(t, b)
		})
	}
}

// holds checks what is so of every import.
func holds(t testing.TB, b *report.Bench) {
	t.Helper()
	seen := map[string]bool{}
	for i := range b.Cells {
		c := &b.Cells[i]
		if seen[c.ID] || c.Order != i || c.Workers < 1 || c.Repetition < 1 || c.Arch == "" {
			t.Fatalf("%+v", c)
		}
		seen[c.ID] = true
		for _, e := range c.Energy {
			if (e.EnergyJ == nil) == (e.Reason == "") || e.Method == "" || e.Quality != "estimated" {
				t.Fatalf("%s: %+v", c.ID, e)
			}
			if e.EnergyJ != nil && !(*e.EnergyJ >= 0 && *e.EnergyJ < math.Inf(1)) || e.LowJ != nil && !(*e.LowJ <= *e.EnergyJ && *e.EnergyJ <= *e.HighJ) {
				t.Fatalf("%s: %+v", c.ID, e)
			}
		}
		for name, m := range c.Metrics {
			if m.Value == nil && m.Reason == "" || m.Value != nil && (math.IsNaN(*m.Value) || math.IsInf(*m.Value, 0)) {
				t.Fatalf("%s: %s: %+v", c.ID, name, m)
			}
		}
		if c.DurationS != nil && c.Status != report.CellOK || c.Cost != nil && !(c.Cost.Total >= 0) {
			t.Fatalf("%+v", c)
		}
		var cpuS float64
		whole := true
		for _, v := range c.Invocations {
			for _, p := range []*float64{v.DurationS, v.ReadS, v.ComputeS, v.WriteS, v.ColdStartS, v.CPUS} {
				if p != nil && !(*p >= 0 && *p < math.Inf(1)) {
					t.Fatalf("%s: %+v", c.ID, v)
				}
			}
			if whole = whole && v.CPUS != nil; whole {
				cpuS += *v.CPUS
			}
		}
		if (c.CPUS != nil) != (whole && len(c.Invocations) > 0) || c.CPUS != nil && *c.CPUS != cpuS {
			t.Fatalf("%s: %v CPU seconds, of %g", c.ID, c.CPUS, cpuS)
		}
	}
}

// What is no profile is refused with the file, the place and the key.
func TestHostileProfiles(t *testing.T) {
	const key = `"(1, 512, 28)"`
	for _, c := range []struct{ text, want string }{
		{``, "line 1 (byte 0): the file is empty"},
		{" \n ", "line 2 (byte 3): the file is empty"},
		{`[]`, `line 1 (byte 0): want a profile of FlexExecutor, an object with keys such as "(1, 1024, 28)", got a list`},
		{`7`, `got "7"`},
		{`{"total": 7}`, `line 1 (byte 9): "total": want a key such as "(1, 1024, 28)"`},
		{`{"PI_ESTIMATION_SINGLE": {"x": 1}}`, `"PI_ESTIMATION_SINGLE": want a key`},
		{`{"(1, 512)": {}}`, `"(1, 512)": want a key`},
		{`{"(1, 512, 0)": {}}`, `"(1, 512, 0)": want a key`},
		{`{"(1, 512, 99999999)": {}}`, `want a key`},
		{`{` + key + `: {"reps": {"read": [[1]]}}}`, key + `: want metrics such as worker_time_execution`},
		{`{` + key + `: {"cpu_name": [["a", ["b"]]]}}`, key + `.cpu_name[0][1]: want a text, got a list`},
		{`{` + key + `: 5}`, key + `: want an object of metrics, got a single value`},
		{`{` + key + `: []}`, key + `: want an object of metrics, got a list`},
		{`{` + key + `: {"read": 5}}`, key + `.read: want a list of repetitions, got a single value`},
		{`{` + key + `: {"read": {"a": 1}}}`, key + `.read: want a list of repetitions, got an object`},
		{`{` + key + `: {"read": [[1], 5]}}`, key + `.read[1]: want a list of the workers' values, got a single value`},
		{`{` + key + `: {"read": [[1, 2], [1, [3]]]}}`, key + `.read[1][1]: want a number, got a list`},
		{"{" + key + ": {\"read\": [\n[1],\n[1],\n[1],\n[1, 2, 3, 4, 5, 6, 7, \"x\"]]}}", `line 5 (byte 65): ` + key + `.read[3][7]: want a number, got "x"`},
		{`{` + key + `: {"read": [[true]]}}`, key + `.read[0][0]: want a number, got "true"`},
		{`{` + key + `: {"read": [[nan]]}}`, key + `.read[0][0]: want a number, got "nan"`},
		{`{` + key + `: {"read": [[0x10]]}}`, `want a number, got "0x10"`},
		{`{` + key + `: {"read": [[1_000]]}}`, `want a number, got "1_000"`},
		{`{` + key + `: {"read": [[01]]}}`, `want a number, got "01"`},
		{`{` + key + `: {"read": [[1.]]}}`, `want a number, got "1."`},
		{`{` + key + `: {"read": [[--1]]}}`, `want a number, got "--1"`},
		{`{` + key + `: {"read": [[1,]]}}`, key + `.read[0][1]: want a value, got "]"`},
		{`{` + key + `: {"read": [[` + strings.Repeat("1", 70) + `]]}}`, `want a number, got one of more than 64 bytes`},
		{`{` + key + `: {"read": [[1, 2`, key + `.read[0][1]: want a comma or a bracket, but the file ends here: it was cut off`},
		{`{` + key + `: {"read": [[1, 2]`, `the file ends here: it was cut off`},
		{`{` + key + `: {"rea`, `want the end of a text, but the file ends here: it was cut off`},
		{`{` + key, `it was cut off`},
		{`{` + key + `: {"read": [[1]]}} x`, `want the end of the file after the profile, got "x"`},
		{`{` + key + `: {"read": [[1]]}}{}`, `want the end of the file after the profile, got an object`},
		{`{` + key + `: {"read": [[1]]},}`, `want a text in quotes`},
		{`{` + key + `: {"read" [[1]]}}`, `want a colon after "read"`},
		{`{` + key + `: {"re` + "\n" + `ad": [[1]]}}`, `a text with a line break`},
		{`{` + key + `: {"x": ` + strings.Repeat("[", 1000) + `}}`, `it is nested more than 32 deep`},
		{`{` + key + `: {"` + strings.Repeat("x", 1<<17) + `": 1}}`, `a text of more than 65536 bytes`},
		{`{` + key + `: {"\ud800\u": 1}}`, `this text is not valid JSON`},
		{"PK\x03\x04", `got "PK\x03\x04"`},
		{"\xff\xfe{\x00", "want a profile of FlexExecutor"},
	} {
		root := writeTree(t, map[string]string{"titanic_aws_512Mb_x86/stage.json": c.text})
		file := filepath.Join(root, "titanic_aws_512Mb_x86", "stage.json")
		_, err := flexexecutor.Import([]string{root}, flexexecutor.Options{})
		if err == nil || !strings.HasPrefix(err.Error(), file+": line ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %s", c.text, err, c.want)
		}
		var located *flexexecutor.Error
		if !errors.As(err, &located) || located.File != file {
			t.Errorf("%.60q: %T", c.text, err)
		}
	}
}

// A packed file that was cut off or damaged is refused too; where, the text says.
func TestDamagedArchives(t *testing.T) {
	whole := pack(t, bigProfile(3))
	damaged := slices.Clone(whole)
	damaged[len(damaged)/2] ^= 0x55
	for name, data := range map[string][]byte{"cut": whole[:len(whole)/2], "damaged": damaged, "no end": whole[:len(whole)-4]} {
		root := writeTree(t, map[string]string{"titanic_aws_1024Mb_x86/stage.json.gz": string(data)})
		_, err := flexexecutor.Import([]string{root}, flexexecutor.Options{})
		if err == nil || !strings.Contains(err.Error(), "stage.json.gz: line ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The first bytes decide, not the name.
	root := writeTree(t, map[string]string{"titanic_aws_1024Mb_x86/stage.json": string(whole)})
	if b := importAll(t, flexexecutor.Options{}, root); len(b.Cells) != 3 {
		t.Errorf("%d cells", len(b.Cells))
	}
}

// However long a file is, what is held of it are its values.
func TestLongWhiteSpace(t *testing.T) {
	text := `{"(1, 512, 1)": {"read": [[` + strings.Repeat(" ", 1<<20) + "\n1" + strings.Repeat("\n", 100_000) + `]]}}`
	if b := importText(t, text); *b.Cells[0].Invocations[0].ReadS != 1 {
		t.Error(b.Cells)
	}
}

// A token may lie across the end of a buffer, wherever that falls.
func TestBufferBorders(t *testing.T) {
	for shift := range 60 {
		pad := strings.Repeat(" ", 64<<10-30-shift)
		text := `{` + pad + `"(1, 1024, 28)": {"read": [[0.40669965744018555, 12]]}}`
		b := importText(t, text)
		if v := b.Cells[0].Invocations; len(v) != 2 || *v[0].ReadS != 0.40669965744018555 || *v[1].ReadS != 12 {
			t.Fatalf("shifted by %d: %+v", shift, v)
		}
	}
}

// FuzzProfile: for whatever bytes, an answer; what is taken holds, and comes out
// as a profile that says the same.
func FuzzProfile(f *testing.F) {
	f.Add([]byte(two))
	f.Add([]byte(`{"(1, 512, 4)": {}, "(0.5, 512, 5)": null, "(1, 0, 6)": {"read": [], "TDP": [[]]}}`))
	f.Add([]byte(`{"(1, 512, 2)": {"read": [[NaN, null], [1e999, -1]], "x": [["a", 1]], "x": {}, "perf_energy_pkg": [[0, 1], [-5, 0]]}}`))
	f.Add([]byte(`{"(1, 512, 2)": {"worker_time_execution": [[1, 2]], "TDP": [[0.5], [1, 1]], "cpu_cores_logical": [[3, 3]], "cpu_name": [["Unknown", null]]}}`))
	f.Add(pack(f, two)[:40])
	dir := f.TempDir()
	file := filepath.Join(dir, "titanic_aws_512Mb_x86", "stage.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		own := filepath.Join(t.TempDir(), "titanic_aws_512Mb_x86")
		if err := os.Mkdir(own, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, "stage.json"), data, 0o666); err != nil {
			t.Fatal(err)
		}
		b, err := flexexecutor.Import([]string{own}, flexexecutor.Options{})
		if err != nil {
			return
		}
		holds(t, b)
		if len(b.Cells) == 0 {
			return
		}
		b = roundJSON(t, b)
		again := importAll(t, flexexecutor.Options{}, exportTo(t, b, flexexecutor.ExportOptions{}))
		holds(t, again)
		if len(again.Cells) > len(b.Cells) {
			t.Fatalf("%d cells of %d", len(again.Cells), len(b.Cells))
		}
		byID := map[string]*report.BenchCell{}
		for i := range again.Cells {
			byID[again.Cells[i].ID] = &again.Cells[i]
		}
		for i := range b.Cells {
			c := &b.Cells[i]
			if c.Status != report.CellOK {
				continue
			}
			d := byID[c.ID]
			if d == nil || len(d.Invocations) != len(c.Invocations) {
				continue // repetitions without any number at the end, or an empty one before
			}
			for k := range c.Invocations {
				p, q := &c.Invocations[k], &d.Invocations[k]
				for _, pair := range [][2]*float64{{p.DurationS, q.DurationS}, {p.ReadS, q.ReadS}, {p.CPUS, q.CPUS}} {
					if (pair[0] == nil) != (pair[1] == nil) || pair[0] != nil && !same(*pair[0], *pair[1]) {
						t.Fatalf("%s: %+v became %+v", c.ID, p, q)
					}
				}
			}
		}
	})
}
