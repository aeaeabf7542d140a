package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
)

// The parts of a line between the values.
const (
	beforeEntry  = `{"entry":`
	beforeBytes  = `,"bytes":`
	beforeResult = `,"result":`
)

// maxLine bounds the memory that one line can take. A result of a thousand
// runs has a megabyte.
const maxLine = 64 << 20

// line is what a line of the store holds. Its result points into the line.
type line struct {
	entry  report.HistoryEntry
	result []byte
}

var errNoResult = errors.New("it is no stored result")

// encode returns the line for a result, with its end.
func encode(e report.HistoryEntry, result []byte) ([]byte, error) {
	e.Newer = false // a reader's judgement
	var head, body, out bytes.Buffer
	enc := json.NewEncoder(&head)
	enc.SetEscapeHTML(false) // a command line holds <, > and &
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("describe the result: %w", err)
	}
	if err := json.Compact(&body, result); err != nil {
		return nil, fmt.Errorf("read the result as JSON: %w", err)
	}
	if !bytes.HasPrefix(body.Bytes(), []byte("{")) {
		return nil, fmt.Errorf("read the result as JSON: %w", errNoResult)
	}
	out.WriteString(beforeEntry)
	out.Write(bytes.TrimRight(head.Bytes(), "\n"))
	out.WriteString(beforeBytes + strconv.Itoa(body.Len()) + beforeResult)
	out.Write(body.Bytes())
	out.WriteString("}\n")
	return out.Bytes(), nil
}

// decode reads a line, which has no line end any more.
func decode(data []byte) (line, error) {
	head, result, ok := cut(data)
	if !ok {
		return decodeAny(data)
	}
	l := line{result: result}
	if err := readEntry(head, &l.entry); err != nil {
		return line{}, err
	}
	return l, nil
}

// cut takes a line apart that is written as encode does, and whole.
func cut(data []byte) (head, result []byte, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(beforeEntry))
	if !ok {
		return nil, nil, false
	}
	n := objectEnd(rest)
	head, rest = rest[:n], rest[n:]
	if rest, ok = bytes.CutPrefix(rest, []byte(beforeBytes)); !ok {
		return nil, nil, false
	}
	i := bytes.IndexByte(rest, ',')
	if i < 0 {
		return nil, nil, false
	}
	length, err := strconv.Atoi(string(rest[:i]))
	if err != nil {
		return nil, nil, false
	}
	rest, ok = bytes.CutPrefix(rest[i:], []byte(beforeResult))
	if !ok || length < len("{}") || length != len(rest)-1 {
		return nil, nil, false
	}
	whole := rest[0] == '{' && rest[length-1] == '}' && rest[length] == '}'
	return head, rest[:length], whole
}

// objectEnd returns where the JSON object that data begins with ends, or 0. It
// looks at nothing but braces and strings: the object is parsed later.
func objectEnd(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
		if depth <= 0 && !quoted {
			if depth < 0 || data[i] != '}' {
				return 0
			}
			return i + 1
		}
	}
	return 0
}

// readEntry parses an entry. One that a newer version wrote in a way that this
// one does not understand is taken for what it can be.
func readEntry(data []byte, e *report.HistoryEntry) error {
	err := json.Unmarshal(data, e)
	if mistyped := new(json.UnmarshalTypeError); errors.As(err, &mistyped) && mistyped.Field != "" {
		e.Newer = true
		err = nil
	}
	if err != nil {
		return err
	}
	if e.Schema == "" {
		return errNoResult
	}
	e.Newer = e.Newer || !known(e.Schema)
	return nil
}

// decodeAny reads a line as another program or a hand may have written it: the
// same in another order or with blanks, or a result by itself.
func decodeAny(data []byte) (line, error) {
	var d struct {
		Entry  json.RawMessage `json:"entry"`
		Result json.RawMessage `json:"result"`
		Schema string          `json:"schema"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return line{}, err
	}
	var l line
	switch {
	case len(d.Entry) > 0 && bytes.HasPrefix(d.Result, []byte("{")):
		l.result = d.Result
		return l, readEntry(d.Entry, &l.entry)
	case d.Schema == "":
		return line{}, errNoResult
	}
	l.result = bytes.TrimSpace(data)
	if v, err := Decode(d.Schema, l.result); err == nil {
		l.entry, err = Describe(v)
		if err != nil {
			return line{}, err
		}
	} else if known(d.Schema) {
		return line{}, err
	} else {
		l.entry = strange(l.result)
	}
	l.entry.Schema, l.entry.Newer = d.Schema, !known(d.Schema)
	if l.entry.ID == "" {
		sum := sha256.Sum256(l.result)
		l.entry.ID = hex.EncodeToString(sum[:16])
	}
	return l, nil
}

// strange describes a result of a schema that is not known, by the fields that
// all results have in common so far.
func strange(result []byte) report.HistoryEntry {
	var d struct {
		RunID     string      `json:"run_id"`
		StartedAt time.Time   `json:"started_at"`
		Tool      report.Tool `json:"tool"`
		Host      struct {
			Hostname string `json:"hostname"`
		} `json:"host"`
	}
	_ = json.Unmarshal(result, &d) // what is of another type is not what it was
	return report.HistoryEntry{ID: d.RunID, StartedAt: d.StartedAt, Hostname: d.Host.Hostname, Tool: d.Tool.Version}
}

// torn reports whether what stands behind the last line end is a line of ours
// that was never finished: a crash may also leave zeros.
func torn(tail []byte) bool {
	return len(tail) > 0 && tail[0] == 0 || bytes.HasPrefix(tail, []byte(beforeEntry)) ||
		bytes.HasPrefix([]byte(beforeEntry), tail)
}
