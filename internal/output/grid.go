package output

import (
	"bytes"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// grid is a table of cells. It alone knows the table library.
type grid struct {
	header []string // nil: none
	rows   [][]string
	footer []string // nil: none
	right  []bool   // columns aligned to the right; the others to the left
	ascii  bool
}

// columns returns how many columns of a terminal s takes; escape sequences
// take none.
func columns(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return twwidth.Width(s)
		}
	}
	return len(s) // plain ASCII, which nearly all cells are: no need to ask a table of Unicode
}

// lines renders the grid, without blanks at the ends of lines. Rules stand
// below the header and above the footer; there are no frames, which say
// nothing and make cells hard to copy.
func (g *grid) lines() ([]string, error) {
	var buf bytes.Buffer
	align := tw.CellAlignment{}
	for _, right := range g.right {
		if right {
			align.PerColumn = append(align.PerColumn, tw.AlignRight)
		} else {
			align.PerColumn = append(align.PerColumn, tw.AlignLeft)
		}
	}
	style := tw.StyleLight
	if g.ascii {
		style = tw.StyleASCII
	}
	t := tablewriter.NewTable(&buf,
		tablewriter.WithRenderer(renderer.NewBlueprint(rendition(style))),
		tablewriter.WithTrimSpace(tw.Off), // decimal points are aligned with blanks
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithFooterAutoWrap(tw.WrapNone),
		// The library would ask the environment; output depends on Options.
		tablewriter.WithEastAsian(tw.Off),
		tablewriter.WithPadding(tw.Padding{Right: "  ", Overwrite: true}),
		tablewriter.WithHeaderAlignmentConfig(align),
		tablewriter.WithRowAlignmentConfig(align),
		tablewriter.WithFooterAlignmentConfig(align),
	)
	if g.header != nil {
		t.Header(g.cells(g.header))
	}
	for _, row := range g.rows {
		if err := t.Append(g.cells(row)); err != nil {
			return nil, err
		}
	}
	if g.footer != nil {
		t.Footer(g.cells(g.footer))
	}
	if err := t.Render(); err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(buf.String(), "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines, nil
}

func (g *grid) cells(row []string) []string {
	if !g.ascii {
		return row
	}
	out := make([]string, len(row))
	for i, cell := range row {
		out[i] = toASCII.Replace(cell)
	}
	return out
}

func rendition(style tw.BorderStyle) tw.Rendition {
	return tw.Rendition{
		Borders: tw.BorderNone,
		Symbols: tw.NewSymbols(style),
		Settings: tw.Settings{
			Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off, ShowHeader: tw.On, ShowFooter: tw.On},
			Lines:      tw.Lines{ShowHeaderLine: tw.On, ShowFooterLine: tw.On, ShowTop: tw.Off, ShowBottom: tw.Off},
		},
	}
}
