package main

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// tree collects the files of a host, by path below its root.
type tree map[string]entry

type entry struct {
	text   string
	mode   string // octal; "" is the archive's default
	target string // of a symbolic link
	dir    bool
}

// file adds a file whose text is a line, or nothing.
func (t tree) file(name string, text any) { t.add(name, entry{text: line(text)}) }

// secret adds a file that only root may read.
func (t tree) secret(name string, text any) { t.add(name, entry{text: line(text), mode: "0400"}) }

func (t tree) dir(name string) { t.add(name, entry{dir: true}) }

// link adds a symbolic link, with the relative target that sysfs gives it.
func (t tree) link(name, to string) {
	up := strings.Repeat("../", strings.Count(path.Dir(name), "/")+1)
	// Sysfs leaves out what both paths share, except within /sys/class.
	if rest, ok := strings.CutPrefix(to, "sys/"); ok && strings.HasPrefix(name, "sys/") {
		up, to = strings.TrimSuffix(up, "../"), rest
	}
	t.add(name, entry{target: up + to})
}

func (t tree) add(name string, e entry) {
	if _, twice := t[name]; twice {
		panic(name + " is in the host twice")
	}
	t[name] = e
}

// remove takes out a file, or a directory with all that is in it.
func (t tree) remove(name string) {
	n := len(t)
	maps.DeleteFunc(t, func(have string, _ entry) bool {
		return have == name || strings.HasPrefix(have, name+"/")
	})
	if len(t) == n {
		panic(name + " is not in the host")
	}
}

// replace puts another entry in the place of one.
func (t tree) replace(name string, e entry) {
	t.remove(name)
	t[name] = e
}

func line(text any) string {
	s := fmt.Sprint(text)
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

// files returns the tree in the form of an archive, sorted by path.
func (t tree) files() []txtar.File {
	var files []txtar.File
	for _, name := range slices.Sorted(maps.Keys(t)) {
		e := t[name]
		f := txtar.File{Name: name, Data: []byte(e.text)}
		switch {
		case e.target != "":
			f.Name += " -> " + e.target
		case e.dir:
			f.Name += "/"
		case e.mode != "":
			f.Name += " [" + e.mode + "]"
		}
		files = append(files, f)
	}
	return files
}
