package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	const entry = `{"id":"a1b2","result_schema":"energyprobe.run/v1","hostname":"h"}`
	for name, c := range map[string]struct {
		line         string
		id, schema   string
		newer, wrong bool
	}{
		"as written":               {line: `{"entry":` + entry + `,"bytes":7,"result":{"a":1}}`, id: "a1b2", schema: "energyprobe.run/v1"},
		"edited":                   {line: `{"entry":` + entry + `,"bytes":99,"result":{"a":1}}`, id: "a1b2", schema: "energyprobe.run/v1"},
		"another order":            {line: `{ "result": {"a":1}, "entry": ` + entry + `}`, id: "a1b2", schema: "energyprobe.run/v1"},
		"braces in a string":       {line: `{"entry":{"id":"}{\"}","result_schema":"energyprobe.run/v1"},"bytes":2,"result":{}}`, id: `}{"}`, schema: "energyprobe.run/v1"},
		"a result by itself":       {line: `{"schema":"energyprobe.run/v1","run_id":"own1"}`, id: "own1", schema: "energyprobe.run/v1"},
		"a newer contract":         {line: `{"entry":{"id":"n1","result_schema":"energyprobe.run/v2"},"bytes":2,"result":{}}`, id: "n1", schema: "energyprobe.run/v2", newer: true},
		"a newer result by itself": {line: `{"schema":"energyprobe.run/v9","run_id":"n9","started_at":7}`, id: "n9", schema: "energyprobe.run/v9", newer: true},
		"a newer entry":            {line: `{"entry":{"id":"n2","result_schema":"energyprobe.run/v1","energy_j":{"v":1},"added":[1]},"bytes":2,"result":{}}`, id: "n2", schema: "energyprobe.run/v1", newer: true},
		"a result of wrong types":  {line: `{"schema":"energyprobe.run/v1","duration_s":"long"}`, wrong: true},
		"another document":         {line: `{"name":"x"}`, wrong: true},
		"no object":                {line: `[1]`, wrong: true},
		"an entry without schema":  {line: `{"entry":{"id":"x"},"bytes":2,"result":{}}`, wrong: true},
		"no result":                {line: `{"entry":` + entry + `}`, wrong: true},
		"a result cut short":       {line: `{"entry":` + entry + `,"bytes":900,"result":{"a":1`, wrong: true},
		"text":                     {line: `export PATH=/bin`, wrong: true},
	} {
		l, err := decode([]byte(c.line))
		if c.wrong {
			if err == nil {
				t.Errorf("%s: read as %+v", name, l.entry)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e := l.entry; c.id != "" && e.ID != c.id || e.ID == "" || e.Schema != c.schema || e.Newer != c.newer {
			t.Errorf("%s: read as %+v", name, e)
		}
		if !json.Valid(l.result) {
			t.Errorf("%s: the result is %q", name, l.result)
		}
	}
}

// FuzzDecode holds the quick way of taking lines apart to what encoding/json
// makes of them, and what is stored to what is read back.
func FuzzDecode(f *testing.F) {
	r := sampleRun("one-1")
	clear(r.Metrics)
	line, err := encode(entryOf(r))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.TrimRight(line, "\n"))
	f.Add(line[:len(line)/2])
	for _, s := range []string{
		`{"entry":{"id":"\\\"}","result_schema":"s"},"bytes":2,"result":{}}`, `{"schema":"energyprobe.trials/v1","series":[{"name":"x"}]}`,
		`{"entry":{"energy_j":1e308,"result_schema":"s"},"bytes":2,"result":{}}`, `{"entry":{},"bytes":-2,"result":{}}`, `{"entry":}`, "\x00", `{}`,
		`{"schema":"energyprobe.comparison/v1","sides":[{"label":"A"}]}`, `{"schema":"energyprobe.doctor/v1","best":"msr"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decode(data)
		if err != nil {
			return
		}
		if l.entry.Schema == "" {
			t.Fatalf("%q has no schema", data)
		}
		if _, _, quick := cut(data); quick && json.Valid(data) && unequivocal(data) {
			slow, err := decodeAny(data)
			if diff := cmp.Diff(slow.entry, l.entry); err != nil || diff != "" || !bytes.Equal(slow.result, l.result) {
				t.Fatalf("two readings of %q: %v\n%s", data, err, diff)
			}
		}
		again, err := encode(l.entry, l.result)
		if err != nil {
			if json.Valid(l.result) && !strings.Contains(err.Error(), "year outside") {
				t.Fatalf("%q can't be stored again: %v", data, err)
			}
			return
		}
		back, err := decode(again[:len(again)-1])
		if err != nil {
			t.Fatalf("%q, stored again as %q: %v", data, again, err)
		}
		back.entry.Newer = l.entry.Newer // a newer entry's unknown parts are not written again
		if diff := cmp.Diff(l.entry, back.entry); diff != "" {
			t.Fatalf("%q changed when stored again:\n%s", data, diff)
		}
	})
}

// unequivocal reports whether no name stands twice in a line: encoding/json
// takes the last one, in whatever letters.
func unequivocal(data []byte) bool {
	lower := bytes.ToLower(data)
	plain := !bytes.ContainsFunc(data, func(r rune) bool { return r >= 0x80 || r == '\\' })
	return plain && bytes.Count(lower, []byte(`"entry"`)) == 1 && bytes.Count(lower, []byte(`"result"`)) == 1
}

// FuzzLines reads whatever a file may hold: nothing of it is taken for an
// ended line that is none, and every byte belongs to one line.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb"))
	f.Add([]byte("\n\n"))
	f.Add(bytes.Repeat([]byte("x"), 300<<10))
	f.Fuzz(func(t *testing.T, data []byte) {
		var back []byte
		err := eachLine(bytes.NewReader(data), maxLine, func(n int, line []byte, ended bool) error {
			back = append(back, line...)
			if ended {
				back = append(back, '\n')
			}
			if bytes.IndexByte(line, '\n') >= 0 || !ended && len(line) == 0 {
				return errors.New("a line with an end in it, or an empty one without")
			}
			return nil
		})
		if err != nil || !bytes.Equal(back, data) {
			t.Fatalf("%v: %q became %q", err, data, back)
		}
	})
}
