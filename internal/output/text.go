package output

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// plain makes text that came from outside (a file's content, an error) safe
// for one line of a terminal: white space becomes a blank, what can't be
// printed its escape.
func plain(s string) string {
	if printable(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// withRemedy joins a reason and what would change it.
func withRemedy(reason, remedy string) string {
	if remedy == "" {
		return reason
	}
	return reason + " (" + strings.ReplaceAll(remedy, "\n", "; ") + ")"
}

// withAdvice joins a warning's sentence and its advice.
func withAdvice(message, advice string) string {
	if advice == "" {
		return message
	}
	return strings.TrimRight(message, ". ") + ". " + advice
}

// unitWord is a unit as it stands behind a number.
var unitWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[fpnµmkMGT]?(J|W|s|Hz|B|%)[),;.:]*$`) })

// words are what wrap keeps together: a number, its uncertainty and its unit
// are one.
func words(text string) []string {
	var out []string
	for _, w := range strings.Fields(text) {
		if last := len(out) - 1; last >= 0 && glued(out[last], w) {
			out[last] += " " + w
			continue
		}
		out = append(out, w)
	}
	return out
}

func glued(before, w string) bool {
	end := before[len(before)-1]
	return end >= '0' && end <= '9' && (w == "±" || w == "+-" || unitWord().MatchString(w)) ||
		strings.HasSuffix(before, " ±") || strings.HasSuffix(before, " +-")
}

// wrap breaks text at blanks into lines of at most width columns; a word that
// is longer stays whole, so that a path or a command can be copied.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range words(text) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" || lines == nil {
		lines = append(lines, line)
	}
	return lines
}

// shorten cuts s to width columns and marks the cut.
func shorten(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 0 && columns(string(r))+1 > width {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

// shortenFront cuts s to width columns at its front: the end of a path says
// more.
func shortenFront(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 0 && columns(string(r))+1 > width {
		r = r[1:]
	}
	return "…" + string(r)
}

// toASCII spells the typography of tables in ASCII; what users brought along
// (names, arguments) stays as it is.
var toASCII = strings.NewReplacer("±", "+-", "≈", "~", "–", "-", "—", "-", "≥", ">=", "≤", "<=",
	"µ", "u", "·", ".", "²", "2", "°", " deg ", "×", "x", "…", "...",
	"├─ ", "|- ", "└─ ", "`- ", "→", "->", "←", "<-", "†", "!", "€", "EUR", "─", "-", "│", "|",
	"▁", ".", "▂", ":", "▃", "-", "▄", "=", "▅", "+", "▆", "*", "▇", "%", "█", "#")
