package flexexecutor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// group is a directory's profiles: the stages of one application.
type group struct {
	place  place
	dir    string // as it was named
	stages []stageFile
}

type stageFile struct{ name, path string }

// stageName is the file's name without what says its form, and the memory.
func stageName(file string) (string, bool) {
	base, _ := cutExtension(file, ".gz")
	base, ok := cutExtension(base, ".json")
	if !ok || base == "" || strings.HasPrefix(base, ".") {
		return "", false
	}
	return memoryTail().ReplaceAllString(base, ""), true
}

// cutExtension takes an extension off, in capitals or not.
func cutExtension(file, ext string) (string, bool) {
	if n := len(file) - len(ext); n >= 0 && strings.EqualFold(file[n:], ext) {
		return file[:n], true
	}
	return file, false
}

// find lists the profiles under paths: files, directories of them, and trees of
// such directories, each once.
func find(paths []string) ([]group, error) {
	f := &finder{seen: map[string]bool{}, at: map[string]int{}}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("find profiles: %w", err)
		}
		before := f.found
		f.inside = nil
		if info.IsDir() {
			err = f.tree(path)
		} else {
			err = f.file(path)
		}
		if err != nil {
			return nil, err
		}
		if f.found == before {
			return nil, fmt.Errorf("find profiles: %s holds none: want files such as stage.json or stage0.json.gz, in directories such as titanic_aws_1024Mb_x86", path)
		}
	}
	return f.groups, nil
}

// Holds reports whether a path leads to profiles, by the first one there.
func Holds(path string) bool {
	groups, err := find([]string{path})
	if err != nil {
		return false
	}
	p, err := readFile(groups[0].stages[0].path)
	return err == nil && len(p.cells) > 0
}

type finder struct {
	groups []group
	at     map[string]int  // of a directory's group
	seen   map[string]bool // files, by what they are and not by how they were named
	found  int             // profiles, those named twice included
	inside []string        // directories that were looked through for this argument
}

// tree looks through a directory, and through those that symbolic links in it
// lead to: data sets are put together with them.
func (f *finder) tree(root string) error {
	// A trailing slash follows a root that is a symbolic link.
	return filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("find profiles: %w", err)
		case d.IsDir() && path != root+string(filepath.Separator) && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir // .git, .ipynb_checkpoints
		case d.IsDir():
			return f.enter(path)
		}
		_, profile := stageName(d.Name())
		link := d.Type()&fs.ModeSymlink != 0 && !strings.HasPrefix(d.Name(), ".")
		if !profile && !link {
			return nil
		}
		info, err := os.Stat(path)
		switch {
		case err != nil && !profile:
			return nil // a link to nowhere, and no profile's name
		case err != nil:
			return fmt.Errorf("find profiles: %w", err)
		case info.IsDir() && link:
			return f.tree(path)
		case info.IsDir() || !profile:
			return nil
		}
		return f.add(path)
	})
}

// enter tells directories that were looked through already: links make circles.
func (f *finder) enter(dir string) error {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return fmt.Errorf("find profiles: %w", err)
	}
	if slices.Contains(f.inside, real) {
		return fs.SkipDir
	}
	f.inside = append(f.inside, real)
	return nil
}

// file is one that was named: whatever it is called, it is meant.
func (f *finder) file(path string) error {
	if _, ok := stageName(filepath.Base(path)); !ok {
		return fmt.Errorf("find profiles: %s: want a file called .json or .json.gz", path)
	}
	return f.add(path)
}

func (f *finder) add(path string) error {
	f.found++
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return fmt.Errorf("find profiles: %w", err)
	}
	if f.seen[real] {
		return nil
	}
	f.seen[real] = true
	// The names come from where the file lies, not from how it was named: "."
	// says nothing.
	dir := filepath.Dir(real)
	i, ok := f.at[dir]
	if !ok {
		i = len(f.groups)
		f.at[dir] = i
		f.groups = append(f.groups, group{place: parsePlace(filepath.Base(dir)), dir: filepath.Dir(path)})
	}
	name, ok := stageName(filepath.Base(path))
	if !ok {
		return errors.New("find profiles: " + path + " has no name")
	}
	g := &f.groups[i]
	for _, have := range g.stages {
		if have.name == name {
			return fmt.Errorf("find profiles: %s and %s are both stage %q of %s: move one of them elsewhere", filepath.Base(have.path), filepath.Base(path), name, g.place.name)
		}
	}
	g.stages = append(g.stages, stageFile{name, path})
	return nil
}
