package plot

import (
	"image/color"
	"strconv"
	"strings"
)

// tint is the colour of a role, in a light and a dark theme.
type tint struct {
	role        Role
	light, dark string
}

// tints are told apart by their lightness as well, for those who see colours
// otherwise. What nobody spent is pale.
var tints = [...]tint{
	{Ink, "#1b1f24", "#e8eaed"}, {Muted, "#5b6570", "#9aa4af"}, {Grid, "#e7eaee", "#2a3038"}, {Rule, "#aab2bb", "#56606b"},
	{Paper, "#ffffff", "#14171b"},
	{"s0", "#2463a6", "#6ea8e5"}, {"s1", "#c4532d", "#f0936f"}, {"s2", "#23836a", "#5cc4a4"}, {"s3", "#7d56a5", "#bb97e0"},
	{"s4", "#8a6206", "#dcb24e"}, {"s5", "#2c768f", "#74c4dd"}, {"s6", "#a3446a", "#e58bae"}, {"s7", "#66752f", "#aabd6c"},
	{Target, "#2463a6", "#6ea8e5"}, {Others, "#c08a2e", "#d9b062"}, {Kernel, "#7d56a5", "#bb97e0"},
	{Idle, "#a7b0ba", "#59636e"}, {Unattributed, "#d5dae0", "#3a424c"},
	{Less, "#23836a", "#5cc4a4"}, {More, "#c4532d", "#f0936f"}, {None, "#6a7480", "#9aa4af"},
}

// Properties returns the colours as CSS custom properties, --ink and so on.
func Properties(dark bool) string {
	var b strings.Builder
	for _, t := range tints {
		c := t.light
		if dark {
			c = t.dark
		}
		b.WriteString("--" + string(t.role) + ":" + c + ";")
	}
	return b.String()
}

// Rules returns the CSS that gives marks their colours.
func Rules() string {
	var b strings.Builder
	for _, t := range tints {
		v := "var(--" + string(t.role) + ")"
		b.WriteString(".f-" + string(t.role) + "{fill:" + v + "}.l-" + string(t.role) + "{fill:none;stroke:" + v + "}")
	}
	b.WriteString(".f-hit{fill:transparent}")
	return b.String()
}

func lightColor(r Role) (color.NRGBA, bool) {
	for _, t := range tints {
		if t.role == r {
			n, _ := strconv.ParseUint(t.light[1:], 16, 32) // a constant above
			return color.NRGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 255}, true
		}
	}
	return color.NRGBA{}, false
}
