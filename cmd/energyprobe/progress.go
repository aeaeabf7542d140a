package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/energyprobe/energyprobe/internal/trial"
)

// statusLine is the line of a terminal that says what goes on. It is empty
// while a command runs: the terminal is the command's then, and to write to it
// costs energy. A nil one says nothing.
type statusLine struct {
	w     io.Writer
	width int
	shown bool // there is a text to take away
}

// statusLine returns that of standard error, nil where it is no terminal or
// nobody wants to know.
func (a *app) statusLine() *statusLine {
	file, ok := a.stderr.(*os.File)
	if !ok || a.quiet {
		return nil
	}
	width, tty := terminalWidth(file)
	if !tty {
		return nil
	}
	return &statusLine{w: file, width: max(width, 40)}
}

// say writes a text over the last one, "" to leave nothing there.
func (l *statusLine) say(text string) { l.compose("", text, "") }

// compose shortens what so that it fits between head and tail.
func (l *statusLine) compose(head, what, tail string) {
	empty := head == "" && what == "" && tail == ""
	if l == nil || empty && !l.shown {
		return // what stands there is not ours
	}
	l.shown = !empty
	runes := []rune(what)
	if room := l.width - 1 - len(head) - len(tail); len(runes) > room {
		runes = append(runes[:max(room-1, 0)], '…')
	}
	fmt.Fprint(l.w, "\r\x1b[K", head, string(runes), tail)
}

// trials says how far repeated runs are, between them.
func (l *statusLine) trials(p trial.Progress) {
	if p.Over {
		l.say("")
		return
	}
	tail := ""
	if p.Left > 0 {
		tail = "  " + roughly(p.Left) + " left"
	}
	if p.Runs == 0 {
		l.compose("", p.What, "")
		return
	}
	l.compose(fmt.Sprintf("%*d of %d  ", len(strconv.Itoa(p.Runs)), p.Done+1, p.Runs), p.What, tail)
}

// roughly is a time as people say it.
func roughly(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%.0f s", max(1, d.Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
