package flexexecutor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// place is what a directory's name says of the profiles in it:
// titanic_aws_1024Mb_x86.
type place struct {
	name     string // of the directory
	app      string
	backend  string // aws, local, k8s; "" where it is not said
	memoryMB int    // 0 where it is not said
	arch     string // x86_64 or aarch64; "" where it is not said
}

var (
	// 512Mb, 1024MB, 2048, 2GB.
	memoryWord = regexp.MustCompile(`(?i)^(\d{1,9})(?:(mi?b?|gi?b?))?$`)
	// A stage's file may name the memory again: stage0_2048MB.json.
	memoryTail = regexp.MustCompile(`(?i)[_-]\d{2,9}mi?b$`)
)

func parseMemory(word string) (mb int, ok bool) {
	m := memoryWord.FindStringSubmatch(word)
	if m == nil {
		return 0, false
	}
	mb, _ = strconv.Atoi(m[1]) // nine digits fit
	if strings.HasPrefix(strings.ToLower(m[2]), "g") {
		if mb > maxMemoryMB/1024 {
			return 0, false
		}
		mb *= 1024
	}
	return mb, mb > 0 && mb <= maxMemoryMB
}

// parseArch knows the spellings of the two architectures, as uname, Go, Docker
// and people have them.
func parseArch(word string) string {
	switch strings.ToLower(word) {
	case "x86", "x86_64", "x86-64", "x64", "amd64", "intel":
		return "x86_64"
	case "arm", "arm64", "aarch64", "armv8", "graviton":
		return "aarch64"
	}
	return ""
}

// parsePlace takes a directory's name apart, from its end: the application's
// own name may hold anything.
func parsePlace(dir string) place {
	p := place{name: dir}
	words := strings.Split(strings.ReplaceAll(strings.ReplaceAll(dir, "x86_64", "x86-64"), "X86_64", "x86-64"), "_")
	last := func() string { return words[len(words)-1] }
	if len(words) > 1 {
		if p.arch = parseArch(last()); p.arch != "" {
			words = words[:len(words)-1]
		}
	}
	if len(words) > 1 {
		if mb, ok := parseMemory(last()); ok {
			p.memoryMB, words = mb, words[:len(words)-1]
		}
	}
	if len(words) > 1 && slices.Contains(backends, strings.ToLower(last())) {
		p.backend, words = strings.ToLower(last()), words[:len(words)-1]
	}
	p.app = strings.Join(words, "_")
	return p
}

// backends are those of Lithops, and the fork's words for them.
var backends = []string{"aws", "lambda", "local", "localhost", "k8s", "kubernetes", "knative", "gcp", "azure", "ibm", "code", "vm", "standalone", "openwhisk", "singularity"}

// lambda reports whether the back end is AWS's.
func (p place) lambda() bool { return p.backend == "aws" || p.backend == "lambda" }

// group is a directory's profiles: the stages of one application.
type group struct {
	place  place
	dir    string // as it was named
	stages []stageFile
}

type stageFile struct{ name, path string }

// stageName is the file's name without what says its form, and the memory.
func stageName(file string) (string, bool) {
	base, ok := strings.CutSuffix(strings.TrimSuffix(file, ".gz"), ".json")
	if !ok || base == "" || strings.HasPrefix(base, ".") {
		return "", false
	}
	return memoryTail.ReplaceAllString(base, ""), true
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

type finder struct {
	groups []group
	at     map[string]int  // of a directory's group
	seen   map[string]bool // files, by what they are and not by how they were named
	found  int             // profiles, those named twice included
}

func (f *finder) tree(root string) error {
	// A trailing slash follows a root that is a symbolic link.
	return filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("find profiles: %w", err)
		case d.IsDir() && path != root+string(filepath.Separator) && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir // .git, .ipynb_checkpoints
		case d.IsDir():
			return nil
		}
		if _, ok := stageName(d.Name()); !ok {
			return nil
		}
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			return err
		}
		return f.add(path)
	})
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
