package flexexecutor

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	// 512Mb, 1024 MB, 2048, 2GB, 0.5GB.
	memoryWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^(\d{1,9}(?:\.\d{1,9})?)\s*(?:(mi?b?|gi?b?))?$`) })
	// A stage's file may name the memory again: stage0_2048MB.json.
	memoryTail = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)[_-]\d{2,9}mi?b$`) })
)

func parseMemory(word string) (mb int, ok bool) {
	m := memoryWord().FindStringSubmatch(word)
	if m == nil {
		return 0, false
	}
	v, _ := strconv.ParseFloat(m[1], 64) // the pattern holds numbers alone
	if strings.HasPrefix(strings.ToLower(m[2]), "g") {
		v *= 1024
	}
	if v != math.Trunc(v) || v < 1 || v > maxMemoryMB {
		return 0, false
	}
	return int(v), true
}

// ParseArch knows the spellings of the two architectures, as uname, Go, Docker
// and people have them. It returns uname's, x86_64 or aarch64, "" for others.
func ParseArch(word string) string {
	switch strings.ToLower(word) {
	case "x86", "x86_64", "x86-64", "x64", "amd64", "intel":
		return "x86_64"
	case "arm", "arm64", "aarch64", "armv8", "armv8l", "arm64v8", "graviton", "graviton2", "graviton3", "graviton4":
		return "aarch64"
	}
	return ""
}

// parsePlace takes a directory's name apart, from its end: the application's
// own name may hold anything. What stands behind what is known, as in
// titanic_aws_1024Mb_x86_run2, belongs to that name: it may be another run.
func parsePlace(dir string) place {
	const x86 = "x86\x00" // not to be cut through
	whole := strings.NewReplacer("x86_64", x86, "X86_64", x86, "x86-64", x86, "X86-64", x86).Replace(dir)
	separator := "_"
	if !strings.Contains(whole, separator) {
		separator = "-"
	}
	words := strings.Split(whole, separator)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], x86, "x86_64")
	}
	for end := len(words); end > 1; end-- {
		p, n, app := takePlace(words[:end])
		if n >= 2 || n == 1 && end == len(words) {
			p.name, p.app = dir, strings.Join(append(app, words[end:]...), separator)
			return p
		}
	}
	return place{name: dir, app: dir}
}

// leastBareMB is from where a number without a unit is taken for a memory size:
// it is Lambda's least. Below, it is the number of a run.
const leastBareMB = 128

// takePlace takes what is known from the end of a name, in any order, and
// returns how much that was and what is left, which is one word at least.
func takePlace(words []string) (p place, n int, rest []string) {
	for ; len(words) > 1; n++ {
		last := words[len(words)-1]
		arch := ParseArch(last)
		mb, isMemory := parseMemory(last)
		_, err := strconv.Atoi(last)
		switch {
		case p.arch == "" && arch != "":
			p.arch = arch
		case p.memoryMB == 0 && isMemory && (err != nil || mb >= leastBareMB):
			p.memoryMB = mb
		case p.backend == "" && slices.Contains(backends, strings.ToLower(last)):
			p.backend = strings.ToLower(last)
		default:
			return p, n, slices.Clone(words)
		}
		words = words[:len(words)-1]
	}
	return p, n, slices.Clone(words)
}

// backends are those of Lithops, and the fork's words for them.
var backends = []string{"aws", "lambda", "local", "localhost", "k8s", "kubernetes", "knative", "gcp", "azure", "ibm", "code", "vm", "standalone", "openwhisk", "singularity"}

// lambda reports whether the back end is AWS's.
func (p place) lambda() bool { return p.backend == "aws" || p.backend == "lambda" }
