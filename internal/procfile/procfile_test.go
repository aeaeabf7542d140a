package procfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
)

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("15824 (cat) R 15811 15811 13652 0 -1 4194304 99 0 0 0 3 4 5 6 20 0 1 0 95505 3133440 381 1844\n"))
	f.Add([]byte("9 (kworker/0:1) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0 18446744073709551615 0 0 0 0 0 0 0 2147483647 0 1 0 0 17 5 0 0 0 0 0\n"))
	f.Add([]byte("1 (a) b (c)) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0"))
	f.Add([]byte("1 () Z"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStat(b)
		if err != nil {
			return
		}
		for _, v := range []uint64{s.User, s.System, s.KidsUser, s.KidsSystem} {
			if ns := int64(v) * NSPerTick; ns < 0 || ns/NSPerTick != int64(v) {
				t.Fatalf("%d ticks overflow", v)
			}
		}
		// What was understood survives being written out and read again.
		tail := ""
		if s.Processor >= 0 {
			tail = fmt.Sprintf(" 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 %d 0", s.Processor)
		}
		again := fmt.Sprintf("9 (%s) %s %d %d 0 0 0 %d %d %d %d %d %d %d %d %d 0 0 %d 0 %d 0 %d%s\n", s.Comm, []byte{s.State}, s.PPID, s.Group, s.Flags,
			s.Minor, s.KidsMinor, s.Major, s.KidsMajor, s.User, s.System, s.KidsUser, s.KidsSystem, s.Threads, s.Start, s.RSS, tail)
		r, err := ParseStat([]byte(again))
		if err != nil || !bytes.Equal(r.Comm, s.Comm) {
			t.Fatalf("%q: %v", again, err)
		}
		r.Comm, s.Comm = nil, nil
		if fmt.Sprint(r) != fmt.Sprint(s) {
			t.Fatalf("%+v became %+v", s, r)
		}
	})
}

func FuzzParseSchedstat(f *testing.F) {
	f.Add([]byte("94771 68302 2\n"))
	f.Add([]byte("0 0 0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ran, waited, err := ParseSchedstat(b)
		if err != nil {
			return
		}
		r, w, err := ParseSchedstat(fmt.Appendf(nil, "%d %d 1\n", ran, waited))
		if r != ran || w != waited || err != nil {
			t.Fatalf("%d %d became %d %d, %v", ran, waited, r, w, err)
		}
	})
}

func FuzzNumbers(f *testing.F) {
	f.Add([]byte("12 34\n"), "k ")
	f.Add([]byte("k 18446744073709551616\nk 7x"), "k ")
	f.Fuzz(func(t *testing.T, b []byte, key string) {
		if v, err := ParseNumber(b); err == nil && strconv.FormatUint(v, 10) != string(bytes.TrimLeft(bytes.TrimSpace(b), "0")) && v != 0 {
			t.Fatalf("%q became %d", b, v)
		}
		if _, err := KeyedNumber(b, key); err == nil && !bytes.Contains(b, []byte(key)) {
			t.Fatalf("%q holds no %q", b, key)
		}
	})
}

func FuzzDirents(f *testing.F) {
	f.Add(dirent("17"), 1)
	f.Add(append(dirent("self"), dirent("4194304")...), 3)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		for _, id := range parseDirents(nil, b) {
			if id <= 0 || !bytes.Contains(b, strconv.AppendInt(nil, int64(id), 10)) && !bytes.Contains(b, []byte("0")) {
				t.Fatalf("%q holds no %d", b, id)
			}
		}
	})
}

// dirent makes a struct linux_dirent64.
func dirent(name string) []byte {
	b := make([]byte, (direntName+len(name)+8)&^7)
	binary.NativeEndian.PutUint16(b[direntLength:], uint16(len(b)))
	copy(b[direntName:], name)
	return b
}

func TestIDs(t *testing.T) {
	dir := t.TempDir()
	want := []int{}
	for i := 1; i <= 3000; i++ {
		want = append(want, i)
		if err := os.WriteFile(dir+"/"+strconv.Itoa(i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"self", "0", "12a", "99999999999"} {
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := OpenDir(dir)
	defer d.Close()
	for range 2 {
		got, err := d.IDs(nil)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d entries, %v", len(got), err)
		}
	}
	d.Close()
	if _, err := d.IDs(nil); err == nil {
		t.Error("a closed directory was listed")
	}
	absent := OpenDir(dir + "/absent")
	if _, err := absent.IDs(nil); !Gone(err) {
		t.Errorf("an absent directory: %v", err)
	}
}

func TestStatOfThisProcess(t *testing.T) {
	r := NewReader("")
	b, err := r.File(os.Getpid(), "stat")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseStat(b)
	if err != nil || s.PPID != os.Getppid() || s.Processor < 0 || s.KernelThread() {
		t.Errorf("%+v, %v", s, err)
	}
	if ns, err := CPUClock(os.Getpid()); err != nil || ns <= 0 {
		t.Errorf("CPU clock %v, %v", ns, err)
	}
}
