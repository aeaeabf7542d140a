package model

import "fmt"

// Among identifies a guest whose processor is known to be one of some parts by
// other means than its registers: a platform that runs on few, and whose
// masked names tell them apart. The names are the table's, in full.
func (t *Table) Among(names ...string) (Match, error) {
	rows := make([]CPU, 0, len(names))
	for _, name := range names {
		c, ok := t.Lookup(name)
		if !ok {
			return Match{}, fmt.Errorf("processor: no part in the table is called %q", name)
		}
		rows = append(rows, *c)
	}
	if len(rows) == 0 {
		return Match{}, fmt.Errorf("processor: no candidates")
	}
	name := rows[0].Name
	if len(rows) > 1 {
		name = fmt.Sprintf("one of %d parts like %s", len(rows), name)
	}
	return matchOf(ByModel, name, rows, true), nil
}
