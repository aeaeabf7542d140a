package price

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// Bounds of a list: what lies beyond is no price, or no list.
const (
	maxFile  = 1 << 20
	maxTiers = 100
	maxPrice = 1e6
)

// Architectures are those a list may have prices for, as uname -m spells them.
func Architectures() []string { return []string{"x86_64", "aarch64"} }

// Load reads a list from a file. The error names the file, the line and the
// field.
func Load(path string) (*List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read prices: %w", err)
	}
	defer f.Close()
	l, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("read prices: %s: %w", path, err)
	}
	if l.Source == "" {
		l.Source = path
	}
	return l, nil
}

// Parse reads a list: YAML, as lambda.yaml is, or JSON of the same shape. A
// field that it does not know is an error: it may be a price misspelt.
func Parse(r io.Reader) (*List, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is longer than %d bytes: that is no list of prices", maxFile)
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty: want a list of prices, as docs/import.md shows")
	} else if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document: want one list of prices")
	}
	l := &List{Compute: map[string][]Tier{}}
	p := &parser{}
	p.fields(doc.Content[0], "", map[string]func(*yaml.Node, string){
		"name":      func(n *yaml.Node, path string) { l.Name = p.text(n, path) },
		"date":      func(n *yaml.Node, path string) { l.Date = p.date(n, path) },
		"currency":  func(n *yaml.Node, path string) { l.Currency = p.text(n, path) },
		"source":    func(n *yaml.Node, path string) { l.Source = p.text(n, path) },
		"request":   func(n *yaml.Node, path string) { l.Request = p.number(n, path, maxPrice) },
		"step_s":    func(n *yaml.Node, path string) { l.StepS = p.number(n, path, 3600) },
		"bill_init": func(n *yaml.Node, path string) { l.BillInit = p.boolean(n, path) },
		"compute": func(n *yaml.Node, path string) {
			archs := map[string]func(*yaml.Node, string){}
			for _, a := range Architectures() {
				archs[a] = func(n *yaml.Node, path string) { l.Compute[a] = p.tiers(n, path) }
			}
			p.fields(n, path, archs)
			if len(l.Compute) == 0 {
				p.fail(n, path, "has no architecture: want %s", strings.Join(Architectures(), " or "))
			}
		},
	}, "name", "date", "currency", "compute")
	if p.err != nil {
		return nil, p.err
	}
	return l, nil
}

// parser keeps the first problem.
type parser struct{ err error }

func (p *parser) fail(n *yaml.Node, path, format string, args ...any) {
	if p.err != nil {
		return
	}
	if path == "" {
		path = "the list"
	}
	p.err = fmt.Errorf("line %d: %s: %s", n.Line, path, fmt.Sprintf(format, args...))
}

// fields reads a mapping. Aliases are not followed: a list of prices needs
// none, and a few of them make gigabytes of a page.
func (p *parser) fields(n *yaml.Node, path string, known map[string]func(*yaml.Node, string), required ...string) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, path, "want fields, got %s", kindOf(n))
		return
	}
	var seen []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		read, ok := known[key.Value]
		switch {
		case !ok:
			p.fail(key, below, "there is no such field: want one of %s", names(known))
		case slices.Contains(seen, key.Value):
			p.fail(key, below, "is there twice")
		default:
			read(value, below)
		}
		if p.err != nil {
			return
		}
		seen = append(seen, key.Value)
	}
	for _, name := range required {
		if !slices.Contains(seen, name) {
			p.fail(n, strings.TrimPrefix(path+"."+name, "."), "is missing")
		}
	}
}

func names(known map[string]func(*yaml.Node, string)) string {
	var all []string
	for name := range known {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (p *parser) tiers(n *yaml.Node, path string) []Tier {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.fail(n, path, "want a list of tiers, got %s", kindOf(n))
		return nil
	}
	if len(n.Content) > maxTiers {
		p.fail(n, path, "has %d tiers: want %d at most", len(n.Content), maxTiers)
		return nil
	}
	var tiers []Tier
	for i, one := range n.Content {
		below := fmt.Sprintf("%s[%d]", path, i)
		t := Tier{UpTo: math.Inf(1)}
		p.fields(one, below, map[string]func(*yaml.Node, string){
			"gb_s":  func(n *yaml.Node, path string) { t.GBS = p.number(n, path, maxPrice) },
			"up_to": func(n *yaml.Node, path string) { t.UpTo = p.number(n, path, 1e18) },
		}, "gb_s")
		last := i == len(n.Content)-1
		switch {
		case !last && math.IsInf(t.UpTo, 1):
			p.fail(one, below+".up_to", "is missing: only the last tier has no end")
		case last && !math.IsInf(t.UpTo, 1):
			p.fail(one, below+".up_to", "the last tier has no end: leave it out, or add the tier that follows")
		case t.UpTo <= 0 || i > 0 && p.err == nil && t.UpTo <= tiers[i-1].UpTo:
			p.fail(one, below+".up_to", "%g: want more than the tier before ends at", t.UpTo)
		}
		if p.err != nil {
			return nil
		}
		tiers = append(tiers, t)
	}
	return tiers
}

func (p *parser) text(n *yaml.Node, path string) string {
	s := strings.TrimSpace(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag == "!!null" || s == "":
		p.fail(n, path, "want a text, got %s", kindOf(n))
	case len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		p.fail(n, path, "want one line of 200 bytes at most")
	}
	return s
}

func (p *parser) date(n *yaml.Node, path string) string {
	s := p.text(n, path)
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		p.fail(n, path, "%.40q: want a day such as 2025-08-01", s)
	}
	return s
}

// decimal is a number as JSON and YAML's core schema agree on it: no 0x, no 1_000.
var decimal = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$`) })

func (p *parser) number(n *yaml.Node, path string, most float64) float64 {
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 || !decimal().MatchString(n.Value) {
		p.fail(n, path, "want a number of 0 or more, got %s", kindOf(n))
		return 0
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || v > most {
		p.fail(n, path, "%.40s: want %g at most", n.Value, most)
		return 0
	}
	return v
}

func (p *parser) boolean(n *yaml.Node, path string) bool {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		p.fail(n, path, "want true or false, got %s", kindOf(n))
	}
	return n.Value == "true"
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "fields"
	case yaml.SequenceNode:
		return fmt.Sprintf("a list of %d", len(n.Content))
	case yaml.AliasNode:
		return "an alias"
	}
	if n.Tag == "!!null" || n.Value == "" {
		return "nothing"
	}
	return fmt.Sprintf("%.40q", n.Value)
}
