package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// longUnits are the units that time.ParseDuration does not have: a day may
// have 23 hours where clocks change, and here it has 24.
var longUnits = map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// parseAge reads a time span: 90m, 12h, 7d, 2w.
func parseAge(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no time span: write it like 90m, 12h, 7d or 2w", s)
	if s == "" {
		return 0, bad
	}
	if unit := longUnits[s[len(s)-1]]; unit != 0 {
		n, err := strconv.ParseFloat(s[:len(s)-1], 64)
		if v := n * float64(unit); err == nil && v >= 0 && v < math.MaxInt64 {
			return time.Duration(v), nil
		}
		return 0, bad
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, bad
	}
	return d, nil
}

// parseTime reads a moment: a time span before now, a date, a date and a time
// of day in the local zone, or RFC 3339. A date stands for its whole day: its
// end when the moment is the last one wanted.
func parseTime(s string, now time.Time, end bool) (time.Time, error) {
	if d, err := parseAge(s); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", time.DateTime, "2006-01-02T15:04:05", time.RFC3339Nano} {
		if t, err := time.ParseInLocation(layout, strings.TrimSpace(s), now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 7d (so long ago), 2026-11-03, or \"2026-11-03 14:30\"", s)
}
