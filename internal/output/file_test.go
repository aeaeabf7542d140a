package output

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func writes(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// wantFiles checks that dir holds these files and nothing else: no temporary
// file was left.
func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %q, want %q", path, got, want)
	}
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
	}
}

func TestToFileNew(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	dir := t.TempDir()
	path := filepath.Join(dir, "r.json")
	if err := ToFile(path, writes("new")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "new")
	wantMode(t, path, 0o640) // 0666 less the umask
	wantFiles(t, dir, "r.json")
}

func TestToFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.json")
	for _, mode := range []fs.FileMode{0o600, 0o664, 0o755} {
		if err := os.WriteFile(path, []byte("old and longer"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := ToFile(path, writes("new")); err != nil {
			t.Fatal(err)
		}
		wantContent(t, path, "new")
		wantMode(t, path, mode)
	}
	wantFiles(t, dir, "r.json")
}

// TestToFileIsAtomic reads the old content until the new one is complete.
func TestToFileIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := ToFile(path, func(w io.Writer) error {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			return err
		}
		wantContent(t, path, "old")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, strings.Repeat("x", 1<<20))
}

func TestToFileFailureKeepsTheOldResult(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.json")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the renderer failed")
	err := ToFile(path, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return cause
	})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want the cause and the path", err)
	}
	wantContent(t, path, "old")
	wantFiles(t, dir, "r.json")
}

func TestToFilePanicLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = ToFile(filepath.Join(dir, "r"), func(io.Writer) error { panic("renderer") })
	}()
	wantFiles(t, dir)
}

func TestToFileFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "latest")
	if err := os.Symlink("real.json", link); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"through a dangling link", "through a link"} {
		if err := ToFile(link, writes(content)); err != nil {
			t.Fatal(err)
		}
		wantContent(t, filepath.Join(dir, "real.json"), content)
	}
	if target, err := os.Readlink(link); err != nil || target != "real.json" {
		t.Errorf("the link became %q (%v)", target, err)
	}
	wantFiles(t, dir, "latest", "real.json")
}

func TestToFileErrorsSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		is   error
		says string
	}{
		{"", nil, "give a file name"},
		{dir, syscall.EISDIR, "name a file in it"},
		{filepath.Join(dir, "new") + "/", syscall.EISDIR, "name a file in it"},
		{filepath.Join(dir, "no such", "r.json"), fs.ErrNotExist, "mkdir -p '" + dir + "/no such'"},
		{filepath.Join(file, "r.json"), syscall.ENOTDIR, "not a directory"},
		{"/dev/full", syscall.ENOSPC, "free some space"},
		{"/sys/energyprobe-result", fs.ErrPermission, "must be writable"},
		{"/dev/fd/987654", syscall.EBADF, "bad file descriptor"},
		{filepath.Join(dir, strings.Repeat("x", 300)), syscall.ENAMETOOLONG, "too long"},
	} {
		err := ToFile(c.path, writes("new"))
		if err == nil || (c.is != nil && !errors.Is(err, c.is)) || !strings.Contains(err.Error(), c.says) ||
			!strings.Contains(err.Error(), strconv.Quote(c.path)) {
			t.Errorf("ToFile(%q) = %v, want %v and %q", c.path, err, c.is, c.says)
		}
	}
	wantContent(t, file, "old")
	wantFiles(t, dir, "file")
}

// asNobody runs f on a thread that opens files as a user without rights,
// whoever runs the test (setfsuid(2) holds per thread, and takes root's
// capabilities over files away).
func asNobody(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		f()
	}()
	<-done
}

func TestToFileWithoutPermission(t *testing.T) {
	dir := t.TempDir()
	for p := dir; p != "/"; p = filepath.Dir(p) {
		if info, err := os.Stat(p); err == nil && info.Mode().Perm()&1 == 0 {
			if err := os.Chmod(p, info.Mode().Perm()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	protected := filepath.Join(dir, "read-only")
	if err := os.WriteFile(protected, []byte("old"), 0o444); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "writable")
	if err := os.WriteFile(open, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	asNobody(func() {
		for _, path := range []string{protected, open, filepath.Join(dir, "new")} {
			for name, err := range map[string]error{"ToFile": ToFile(path, writes("new")), "CheckFile": CheckFile(path)} {
				if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "must be writable") {
					t.Errorf("%s(%q) = %v, want a refusal with advice", name, path, err)
				}
			}
		}
	})
	wantContent(t, protected, "old")
	wantContent(t, open, "old")
	wantFiles(t, dir, "read-only", "writable")
}

func TestToFileFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	go func() {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		got <- string(b)
	}()
	if err := ToFile(path, writes("through the FIFO")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "through the FIFO" {
		t.Errorf("the reader got %q", s)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the FIFO became %v (%v)", info.Mode(), err)
	}
}

// TestToFileDescriptor writes to an open file through its number: behind what
// is there already, and the descriptor stays open.
func TestToFileDescriptor(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, s := range []string{"the command's output\n", "", "and more\n"} {
		if _, err := f.WriteString(s); err != nil {
			t.Fatal(err)
		}
		if s == "" {
			if err := ToFile("/dev/fd/"+strconv.Itoa(int(f.Fd())), writes("the report\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantContent(t, f.Name(), "the command's output\nthe report\nand more\n")
}

func TestToFileNull(t *testing.T) {
	if err := ToFile("/dev/null", writes("x")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode()&fs.ModeDevice == 0 {
		t.Errorf("/dev/null became %v (%v)", info.Mode(), err)
	}
}

func TestCheckFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.json")
	if err := CheckFile(path); err != nil {
		t.Error(err)
	}
	wantFiles(t, dir)
	if err := CheckFile(filepath.Join(dir, "missing", "r.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory gives %v", err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckFile(fifo); err != nil { // would block if it opened
		t.Error(err)
	}
}

const fullDiskDir = "ENERGYPROBE_TEST_FULL_DISK"

// TestToFileFullDisk fills a file system of 64 KiB that only its own mount
// name space sees.
func TestToFileFullDisk(t *testing.T) {
	if dir := os.Getenv(fullDiskDir); dir != "" {
		onFullDisk(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestToFileFullDisk$")
	cmd.Env = append(os.Environ(), fullDiskDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("mount name spaces are forbidden here; TestToFileErrorsSayWhatToDo has a full device")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func onFullDisk(t *testing.T, dir string) {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "r.json")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := ToFile(path, writes(strings.Repeat("x", 1<<18)))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("a full disk gives %v", err)
	}
	wantContent(t, path, "old")
	wantFiles(t, dir, "r.json")
}
