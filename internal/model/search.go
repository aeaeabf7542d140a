package model

import (
	"cmp"
	"slices"
	"strings"
)

// Likeness says how a row answers to what was searched for.
type Likeness string

// The likenesses, best first. Only the first two are identifications.
const (
	SameName  Likeness = "name"  // it is the part's name, in full
	SameAlias Likeness = "alias" // it is another name of the part
	HasWords  Likeness = "words" // the name has all the words
	// OtherPart marks a name that has a word of the search as a part of a longer
	// one, such as 8275CL for 8275: a suffix makes it another part.
	OtherPart Likeness = "other"
)

var likenesses = []Likeness{SameName, SameAlias, HasWords, OtherPart}

// Hit is a row that a search has found.
type Hit struct {
	CPU      *CPU
	Likeness Likeness
}

// Search returns the rows that text may mean, best first: the one that has it
// for a name or an alias, and those whose name has all its words. Letter case,
// (R), (TM) and words such as CPU do not matter.
func (t *Table) Search(text string) []Hit {
	q := newQuery(text)
	if len(q.words) == 0 && q.vendor == "" {
		return nil
	}
	var hits []Hit
	for i := range t.cpus {
		if l := q.likeness(&t.cpus[i]); l != "" {
			hits = append(hits, Hit{&t.cpus[i], l})
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int {
		return cmp.Compare(slices.Index(likenesses, a.Likeness), slices.Index(likenesses, b.Likeness))
	})
	return hits
}

// query is what is searched for.
type query struct {
	key    string
	words  []string
	vendor string // "" where any will do
}

func newQuery(text string) query {
	q := query{key: parseName(text).key}
	q.words = strings.Fields(q.key)
	for _, w := range strings.Fields(marks.Replace(strings.ToLower(text))) {
		if w == "intel" || w == "amd" {
			q.vendor = w
		}
	}
	return q
}

// likeness is "" for a row that has nothing of the query.
func (q query) likeness(c *CPU) Likeness {
	if q.vendor != "" && q.vendor != c.Vendor {
		return ""
	}
	best := Likeness("")
	for i, name := range append([]string{c.Name}, c.Aliases...) {
		key := parseName(name).key
		l := q.inName(strings.Fields(key))
		switch {
		case key != q.key:
		case i == 0:
			l = SameName
		default:
			l = SameAlias
		}
		if l != "" && (best == "" || slices.Index(likenesses, l) < slices.Index(likenesses, best)) {
			best = l
		}
	}
	return best
}

func (q query) inName(name []string) Likeness {
	l := HasWords
	for _, w := range q.words {
		switch {
		case slices.Contains(name, w):
		case !slices.ContainsFunc(name, func(n string) bool { return strings.Contains(n, w) }):
			return ""
		case strings.ContainsAny(w, "0123456789"):
			l = OtherPart
		}
	}
	return l
}

// Near returns the names of at most n parts that text may have been meant to
// be, nearest first.
func (t *Table) Near(text string, n int) []string {
	q := newQuery(text)
	type near struct {
		name string
		far  int
	}
	var all []near
	for i := range t.cpus {
		if far, ok := q.distance(&t.cpus[i]); ok {
			all = append(all, near{t.cpus[i].Name, far})
		}
	}
	slices.SortStableFunc(all, func(a, b near) int { return cmp.Compare(a.far, b.far) })
	var names []string
	for _, x := range all[:min(len(all), n)] {
		names = append(names, x.name)
	}
	return names
}

// distance adds up how far each word is from the nearest of the part's name.
// It is not ok where a word is too far from all.
func (q query) distance(c *CPU) (sum int, ok bool) {
	name := strings.Fields(parseName(c.Name).key)
	for _, w := range q.words {
		least := len(w)
		for _, n := range name {
			d := edits(w, n)
			if strings.HasPrefix(n, w) || strings.HasPrefix(w, n) {
				d = min(d, 1)
			}
			least = min(least, d)
		}
		const tolerance = 3 // one letter in so many may be wrong
		if least > max(len(w)/tolerance, 1) || least == len(w) {
			return 0, false
		}
		sum += least
	}
	return sum, len(q.words) > 0
}

// edits is the Levenshtein distance of two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}

// NextWords returns the words of names that go on from what has been typed: all
// words of given are in the name, and the next begins with prefix, which keeps
// its letter case: shells compare it.
func (t *Table) NextWords(given []string, prefix string) []string {
	q, lower := newQuery(strings.Join(given, " ")), strings.ToLower(prefix)
	var words []string
	for i := range t.cpus {
		name := strings.Fields(strings.ToLower(t.cpus[i].Name))
		if len(given) > 0 && q.likeness(&t.cpus[i]) == "" {
			continue
		}
		for _, w := range name {
			if strings.HasPrefix(w, lower) && !slices.Contains(q.words, w) {
				words = append(words, prefix+w[len(lower):])
			}
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}
