package flexexecutor

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Key is a configuration.
type Key struct {
	CPU      float64 // vCPUs asked for; on Lambda it is the memory that decides
	MemoryMB int
	Workers  int
}

// String writes the key as FlexExecutor does: a Python tuple.
func (k Key) String() string {
	return fmt.Sprintf("(%s, %d, %d)", strconv.FormatFloat(k.CPU, 'g', -1, 64), k.MemoryMB, k.Workers)
}

var (
	tuple = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*[(\[]([^,]*),([^,]*),([^,]*?),?\s*[)\]]\s*$`) })
	// NumPy 2 writes its numbers in a tuple with their type.
	numpyNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:np|numpy)\.\w{1,20}\((.*)\)$`) })
	cpuNumber   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{1,9}(?:\.\d{1,9})?$`) })
	wholeNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d{1,9})(?:\.0{1,9})?$`) })
)

// parseKey reads a tuple as FlexExecutor writes it, and as others do: memory
// with its unit or in quotes, whole numbers as floats or NumPy's.
func parseKey(text string) (Key, bool) {
	m := tuple().FindStringSubmatch(text)
	if m == nil {
		return Key{}, false
	}
	cpu, memory, workers := bare(m[1]), bare(m[2]), wholeNumber().FindStringSubmatch(bare(m[3]))
	if !cpuNumber().MatchString(cpu) || workers == nil {
		return Key{}, false
	}
	var k Key
	k.CPU, _ = strconv.ParseFloat(cpu, 64) // the patterns hold numbers alone
	k.Workers, _ = strconv.Atoi(workers[1])
	ok := true
	if zero := wholeNumber().FindStringSubmatch(memory); zero == nil || strings.Trim(zero[1], "0") != "" {
		k.MemoryMB, ok = parseMemory(memory)
	}
	return k, ok && k.Workers >= 1 && k.Workers <= maxWorkers && k.CPU <= maxCPU
}

// bare takes the quotes or the type from around a number.
func bare(text string) string {
	text = strings.TrimSpace(text)
	if m := numpyNumber().FindStringSubmatch(text); m != nil {
		text = strings.TrimSpace(m[1])
	}
	if n := len(text); n >= 2 && (text[0] == '\'' || text[0] == '"') && text[n-1] == text[0] {
		text = strings.TrimSpace(text[1 : n-1])
	}
	return text
}
