package main

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	zone := time.FixedZone("here", 2*3600)
	now := time.Date(2026, 11, 3, 14, 21, 7, 0, zone)
	for s, want := range map[string]time.Time{
		"7d":                   now.AddDate(0, 0, -7),
		"0.5d":                 now.Add(-12 * time.Hour),
		"2w":                   now.AddDate(0, 0, -14),
		"90m":                  now.Add(-90 * time.Minute),
		"2026-11-01":           time.Date(2026, 11, 1, 0, 0, 0, 0, zone),
		"2026-11-01 08:30":     time.Date(2026, 11, 1, 8, 30, 0, 0, zone),
		"2026-11-01T08:30:05":  time.Date(2026, 11, 1, 8, 30, 5, 0, zone),
		"2026-11-01T08:30:00Z": time.Date(2026, 11, 1, 8, 30, 0, 0, time.UTC),
	} {
		if got, err := parseTime(s, now, false); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v, want %v", s, got, err, want)
		}
	}
	if got, err := parseTime("2026-11-01", now, true); err != nil || !got.Equal(time.Date(2026, 11, 2, 0, 0, 0, 0, zone)) {
		t.Errorf("a day ends at %v, %v", got, err)
	}
	for _, s := range []string{"", "d", "7", "-7d", "-1h", "soon", "1e300d", "NaNd", "2026-13-01", "7 d"} {
		if got, err := parseTime(s, now, false); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}
