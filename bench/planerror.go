package bench

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

var (
	noField   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(line \d+: )field (.*) not found in type \S+$`) })
	wrongType = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile("(?s)^(line \\d+: )cannot unmarshal (\\S+)(?: `(.*)`)? into (\\S+)$")
	})
)

// wants are what the Go types of a matrix's fields are to somebody who writes one.
var wants = map[string]string{
	"int": "a whole number", "*int": "a whole number", "int64": "a whole number",
	"[]int":          "a list of whole numbers, such as [512, 1024]",
	"time.Duration":  "a time with its unit, such as 90s or 10m",
	"string":         "a text",
	"[]string":       "a list: [PROGRAM, ARGUMENT, ...]",
	"bench.planFile": "the fields of a matrix: repetitions, memory_mb, workers, timeout, applications",
}

// plainError says without the words of Go what the YAML parser found.
func plainError(err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var all []string
	for _, text := range types.Errors {
		if m := noField().FindStringSubmatch(text); m != nil {
			text = m[1] + "there is no field " + m[2]
		} else if m := wrongType().FindStringSubmatch(text); m != nil {
			text = m[1] + "want " + wanted(m[4]) + ", got " + got(m[2], m[3])
		}
		all = append(all, text)
	}
	return errors.New(strings.Join(all, "; "))
}

func wanted(goType string) string {
	switch want, known := wants[goType]; {
	case known:
		return want
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	}
	return "fields"
}

func got(tag, text string) string {
	switch tag {
	case "!!map":
		return "fields"
	case "!!seq":
		return "a list"
	}
	return fmt.Sprintf("%q", text)
}
