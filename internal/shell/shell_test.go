package shell

import (
	"os/exec"
	"strings"
	"testing"
	"unicode"
)

func TestQuote(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"make", "make"},
		{"-j8", "-j8"},
		{"", "''"},
		{"a b", "'a b'"},
		{"it's", `"it's"`},
		{"print('a b')", `"print('a b')"`},
		{"it's $5", `'it'\''s $5'`},
		{"it's!", `'it'\''s!'`},
		{"it's \"so\"", `'it'\''s "so"'`},
		{"$HOME", "'$HOME'"},
		{"a\nb", `$'a\nb'`},
		{"\x1b[31m", `$'\033[31m'`},
		{"\xff", `$'\377'`},
		{"größe", "größe"},
	} {
		if got := Quote(c.in); got != c.want {
			t.Errorf("Quote(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

// A shell reads back what was quoted, and nothing that a terminal obeys is in
// it.
func FuzzJoin(f *testing.F) {
	f.Add("make", "-j8")
	f.Add("sh", "a 'b' $c \\ \n\t\x1b\xff*")
	f.Add("", "=~#")
	f.Add("it's", "it's *? {a,b} ~")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) {
			t.Skip("no argument holds a 0 byte")
		}
		line := Join([]string{a, b})
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q holds what is not printed", line)
		}
		out, err := exec.Command("bash", "-c", `printf '%s\0' `+line).Output()
		if err != nil {
			t.Fatalf("bash: %v in %s", err, line)
		}
		if got, want := string(out), a+"\x00"+b+"\x00"; got != want {
			t.Errorf("bash reads %s as %q, want %q", line, got, want)
		}
	})
}
