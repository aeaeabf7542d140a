package titanic

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/internal/testutil/apptest"
)

// originalSeed is the original's: of the split, and of the forest.
const originalSeed = 42

// excerpt is of the real file's form: commas and doubled quotes in names, ages
// that are missing or end in a half, an infant's, and a fare that isn't known.
const excerpt = `PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked
1,0,3,"Braund, Mr. Owen Harris",male,22,1,0,A/5 21171,7.25,,S
2,1,1,"Cumings, Mrs. John Bradley (Florence Briggs Thayer)",female,38,1,0,PC 17599,71.2833,C85,C
6,0,3,"Moran, Mr. James",male,,0,0,330877,8.4583,,Q
23,1,3,"McGowan, Miss. Anna ""Annie""",female,15,0,0,330923,8.0292,,Q
58,0,3,"Novel, Mr. Mansouer",male,28.5,0,0,2697,7.2292,,C
79,1,2,"Caldwell, Master. Alden Gates",male,0.83,0,2,248738,29,,S
1044,0,3,"Storey, Mr. Thomas",male,60.5,0,0,3701,,,S
`

func parse(tb testing.TB, file string) (*Passengers, error) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "titanic.csv")
	if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
		tb.Fatal(err)
	}
	return Part(path, 0, 1)
}

func TestRead(t *testing.T) {
	p, err := parse(t, excerpt)
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint8{0, 1, 1, 0, 1}; p.Lines != 7 || !slices.Equal(p.Survived, want) {
		t.Errorf("of %d lines %v survived, want 7 and %v", p.Lines, p.Survived, want)
	}
	for i, want := range [6][]float64{
		{3, 1, 3, 3, 2}, {22, 38, 15, 28.5, .83}, {1, 1, 0, 0, 0}, {0, 0, 0, 0, 2}, {7.25, 71.2833, 8.0292, 7.2292, 29}, {1, 0, 0, 1, 1},
	} {
		if !slices.Equal(p.Columns[i], want) {
			t.Errorf("%s: %v, want %v", features[i], p.Columns[i], want)
		}
	}
}

// Columns are found by name, wherever they are.
func TestColumnsByName(t *testing.T) {
	p, err := parse(t, "Fare,Parch,SibSp,Age,Sex,Pclass,Survived\n6,5,4,3,female,2,1\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Columns, p.Survived); got != "[[2] [3] [4] [5] [6] [0]] [1]" {
		t.Error(got)
	}
}

func TestReadRefuses(t *testing.T) {
	for want, c := range map[string][2]string{
		"titanic.csv, from byte 80 on: line 2: column Age: \"old\" is not a number": {",38,", ",old,"},
		"line 1: column Sex: \"man\" is neither male nor female":                    {",male,22", ",man,22"},
		"column Survived: \"2\" is neither 0 nor 1":                                 {"1,0,3,", "1,2,3,"},
		"column Fare: \"Inf\" is not a number":                                      {"71.2833", "Inf"},
		"no column SibSp: the first line is to name Survived, Pclass, Age":          {"SibSp", "Siblings"},
		"wrong number of fields":                                                    {"C85,", ""},
		"line 2, column 11: extraneous or missing \" in quoted-field":               {`"Cumings`, `"Cum"ings`},
	} {
		_, err := parse(t, strings.Replace(excerpt, c[0], c[1], 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q for %q: %v, want %q", c[1], c[0], err, want)
		}
	}
}

// Parts have every line once, in order, however many there are.
func TestParts(t *testing.T) {
	var b strings.Builder
	if err := generate(&b, 20, 3); err != nil {
		t.Fatal(err)
	}
	// With and without a newline at the end.
	for _, file := range []string{b.String(), strings.TrimSuffix(b.String(), "\n")} {
		path := filepath.Join(t.TempDir(), "titanic.csv")
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		whole, err := Part(path, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if whole.Lines != 20 {
			t.Fatalf("%d lines", whole.Lines)
		}
		for _, of := range []int{2, 3, 19, 20, 21, 2000} {
			var sum Passengers
			for i := range of {
				p, err := Part(path, i, of)
				if err != nil {
					t.Fatalf("part %d of %d: %v", i, of, err)
				}
				sum.Lines += p.Lines
				sum.Survived = append(sum.Survived, p.Survived...)
				for j := range sum.Columns {
					sum.Columns[j] = append(sum.Columns[j], p.Columns[j]...)
				}
			}
			if fmt.Sprint(sum) != fmt.Sprint(*whole) {
				t.Errorf("%d parts have %d lines, or others", of, sum.Lines)
			}
		}
	}
}

// Data of the user's are repeated, and a name that goes over lines doesn't.
func TestData(t *testing.T) {
	data := filepath.Join(t.TempDir(), "train.csv")
	two := strings.Replace(excerpt, "Owen Harris", "Owen\r\n Harris", 1)
	if err := os.WriteFile(data, []byte(two), 0o644); err != nil {
		t.Fatal(err)
	}
	s := app.Setup{Dir: t.TempDir(), Size: 7*30 + 2, Seed: 42, Workers: 3, Data: data}
	o := apptest.Run(t, New(), s)
	got, err := os.ReadFile(input(s.Dir))
	if err != nil {
		t.Fatal(err)
	}
	header, lines, _ := strings.Cut(excerpt, "\n")
	want := header + "\n" + strings.Repeat(lines, 30) + strings.Join(strings.SplitAfter(lines, "\n")[:2], "")
	if string(got) != want {
		t.Errorf("the file is\n%s", got)
	}
	// Whom a worker is tested with it has learnt from, and all of them differ.
	if o.Quality[0].Value != 1 || o.Units != 212 {
		t.Errorf("%+v", o)
	}
	for want, bad := range map[string]string{
		"train.csv: no passengers":                     "",
		"train.csv: passenger 1: column Sex: \"x\"":    strings.Replace(excerpt, "male", "x", 1),
		"train.csv: no column Survived":                "a,b\n1,2\n",
		"train.csv: record on line 2: wrong number of": "a,b\n1\n",
	} {
		if err := os.WriteFile(data, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := New().Prepare(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Passengers are as the real ones are: figures of train.csv, the tolerance for
// what fares decide.
func TestGeneratedLooksReal(t *testing.T) {
	const n = 50_000
	g := generator{rand.NewPCG(1, 2)}
	var all, survived [2][3]float64
	var ageless, child float64
	fares, ages := map[string]bool{}, map[string]bool{}
	for range n {
		p := g.passenger()
		man := 0
		if p.man {
			man = 1
		}
		all[man][p.class]++
		if p.survived {
			survived[man][p.class]++
		}
		fares[p.fare()], ages[p.ageText] = true, true
		switch {
		case p.ageText == "":
			ageless++
		case p.child():
			child++
		}
	}
	near := func(what string, got, want, tolerance float64) {
		if math.Abs(got-want) > tolerance {
			t.Errorf("%s: %.3f, want %.3f", what, got, want)
		}
	}
	near("without an age", ageless/n, 177./891, .01)
	near("children", child/(n-ageless), 71./714, .04)
	near("fares", float64(len(fares)), 248, 10)
	near("ages", float64(len(ages)), 88, 12)
	for man, want := range [2][3][2]float64{{{94, 91}, {76, 70}, {144, 72}}, {{122, 45}, {108, 17}, {347, 47}}} {
		for class, v := range want {
			what := fmt.Sprintf("sex %d, class %d", man, class+1)
			near(what, all[man][class]/n, v[0]/891, .01)
			near(what+", survivors", survived[man][class]/all[man][class], v[1]/v[0], .07)
		}
	}
}

// The original's files of 89,100 and 891,000 rows have 6 and 60 MB.
func TestSizeOfFile(t *testing.T) {
	var n counter
	if err := generate(&n, 8910, 42); err != nil {
		t.Fatal(err)
	}
	if mb := float64(n) * 10 / 1e6; mb < 5.8 || mb > 6.4 {
		t.Errorf("89,100 rows have %.1f MB", mb)
	}
}

type counter int

func (n *counter) Write(b []byte) (int, error) { *n += counter(len(b)); return len(b), nil }

func TestDivide(t *testing.T) {
	for n := range 50 {
		learn, test := Divide(n, 1)
		if len(test) != int(math.Ceil(float64(n)*.2)) {
			t.Errorf("%d of %d to test with", len(test), n)
		}
		all := slices.Concat(learn, test)
		slices.Sort(all)
		for i, row := range all {
			if i != row {
				t.Fatalf("rows %v", all)
			}
		}
	}
}

func TestSameOnBoth(t *testing.T) { apptest.SameOnBoth(t, New(), 1, 3, 28) }

// Accuracy is in its band whatever the seed, and the number of rows.
func TestAccuracy(t *testing.T) {
	for size, seeds := range map[int]uint64{150: 10, 1000: 4, 3000: 2} {
		for seed := range seeds {
			for _, workers := range []int{1, 5} {
				apptest.Good(t, apptest.Run(t, New(), app.Setup{Size: size, Seed: seed, Workers: workers}))
			}
		}
	}
}

// Nobody is right more often than who knows the odds: that is where the band
// ends.
func TestBestAccuracy(t *testing.T) {
	g := generator{rand.NewPCG(1, 2)}
	var sum, n float64
	for range 300_000 {
		if p := g.passenger(); p.ageText != "" {
			odds := float64(p.odds()) / 1000
			sum += max(odds, 1-odds)
			n++
		}
	}
	if got := sum / n; math.Abs(got-best) > .002 {
		t.Errorf("the best accuracy is %.4f, taken for %v", got, best)
	}
}

// The number of workers matters, and nothing else does.
func TestSeed(t *testing.T) {
	sum := func(seed uint64, workers int) string {
		return apptest.Run(t, New(), app.Setup{Size: 600, Seed: seed, Workers: workers}).Checksum
	}
	if sum(1, 2) != sum(1, 2) || sum(1, 2) == sum(2, 2) || sum(1, 2) == sum(1, 3) {
		t.Error("the same does something else, or something else the same")
	}
}

func TestRefusals(t *testing.T) {
	s := app.Setup{Dir: t.TempDir(), Seed: 1, Workers: 2}
	if err := New().Prepare(t.Context(), s); err == nil || !strings.Contains(err.Error(), "ask for at least 1") {
		t.Error(err)
	}
	s.Size = 1
	if _, err := New().Conclude(s); err == nil || !strings.Contains(err.Error(), "result-0.json") {
		t.Error(err)
	}
	for i, content := range []string{`{"lines": 1}`, `{"lines": 1}`} {
		if err := os.WriteFile(output(s.Dir, i), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := New().Conclude(s); err == nil || !strings.Contains(err.Error(), "read 2 rows, not 1") {
		t.Error(err)
	}
	s.Size = 2
	if _, err := New().Conclude(s); err == nil || !strings.Contains(err.Error(), "nobody to test with") {
		t.Error(err)
	}
}

// Whatever the file, it is refused or has passengers of whom all is a number;
// what is repeated has each on a line of its own, so that parts can be made.
func FuzzRead(f *testing.F) {
	f.Add([]byte(excerpt), uint8(2))
	f.Add([]byte("Survived,Pclass,Sex,Age,SibSp,Parch,Fare\n1,1,male,1,1,1,1\r\n0,1,\"female\",1,1,1,\"\"\n"), uint8(9))
	f.Add([]byte("Survived,Pclass,Sex,Age,SibSp,Parch,Fare,Name\n1,1,male,1,1,1,1,\"a\r\nb\"\n"), uint8(1))
	f.Add([]byte("\ufeffSurvived,Pclass,Sex,Age,SibSp,Parch,Fare,\"a\nb\"\n1,1,male,1,1,1,1,c\n"), uint8(0))
	f.Add([]byte("Survived,Survived\n\"\n"), uint8(0))
	f.Fuzz(func(t *testing.T, file []byte, more uint8) {
		n := 1 + int(more)
		var out bytes.Buffer
		if repeat(&out, bytes.NewReader(file), n) != nil {
			return
		}
		if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != 1+n {
			t.Fatalf("%d lines, want %d\n%s", lines, 1+n, out.Bytes())
		}
		first, rest, _ := bytes.Cut(out.Bytes(), []byte("\n"))
		header, err := newReader(bytes.NewReader(first)).Read()
		if err != nil {
			t.Fatal(err)
		}
		l, err := parseHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		p, err := read(bytes.NewReader(rest), l)
		if err != nil {
			t.Fatalf("what repeat made of it is refused: %v\n%s", err, out.Bytes())
		}
		if p.Lines != n || len(p.Survived) > n {
			t.Fatalf("%d passengers, want %d\n%s", p.Lines, n, out.Bytes())
		}
		for i, c := range p.Columns {
			if len(c) != len(p.Survived) {
				t.Fatalf("%s has %d values for %d passengers", features[i], len(c), len(p.Survived))
			}
			for _, v := range c {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%s has %v", features[i], v)
				}
			}
		}
	})
}

// BenchmarkTitanic is what testdata/peers/titanic.py compares with scikit-learn.
func BenchmarkTitanic(b *testing.B) {
	const rows = 89_100
	path := filepath.Join(b.TempDir(), "titanic.csv")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := generate(f, rows, originalSeed); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := Part(path, 0, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("learn and test", func(b *testing.B) {
		p, err := Part(path, 0, 1)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := judge(p, originalSeed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("generate", func(b *testing.B) {
		for b.Loop() {
			if err := generate(io.Discard, rows, originalSeed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
