package priv

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
# a comment
ada:x:1000:100:Ada L.,,,:/home/ada:/bin/zsh
1001:x:2000:2000:a name of digits:/home/d:/bin/sh
same:x:1000:100::/home/same:/bin/sh
+nis::::::
broken:x:one:1::/:
toolarge:x:4294967296:1::/:
minusone:x:4294967295:1::/:
short:x:5
`

const groupFile = `root:x:0:
users:x:100:ada
docker:x:999:ada,bob
wheel:x:10:bob, ada
again:x:999:ada
bad:x:many:ada
`

func TestResolve(t *testing.T) {
	users, groups := parsePasswd([]byte(passwd)), parseGroup([]byte(groupFile))
	ada := User{Name: "ada", UID: 1000, GID: 100, Groups: []uint32{10, 999}, Home: "/home/ada", Shell: "/bin/zsh"}
	adaDocker := ada
	adaDocker.GID, adaDocker.Groups = 999, []uint32{10, 100}
	for spec, want := range map[string]User{
		"ada":        ada,
		"1000":       ada, // the first of those who share the number
		"ada:docker": adaDocker,
		"ada:999":    adaDocker,
		"root":       {Name: "root", Home: "/root", Shell: "/bin/bash"},
		"0":          {Name: "root", Home: "/root", Shell: "/bin/bash"},
		"1001":       {Name: "1001", UID: 2000, GID: 2000, Home: "/home/d", Shell: "/bin/sh"}, // a name before a number
		"4321:1234":  {UID: 4321, GID: 1234},
		"4321:wheel": {UID: 4321, GID: 10},
	} {
		u, err := resolve(spec, users, groups)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if diff := cmp.Diff(want, *u); diff != "" {
			t.Errorf("%s: %s", spec, diff)
		}
	}
	for _, spec := range []string{"bob", "4321", "ada:nogroup", "ada:", ":100", "-1", "4294967295:0", "4294967296:0", "0:4294967295", "broken", "minusone", "+nis", "#", "ada:1:2"} {
		if u, err := resolve(spec, users, groups); !errors.Is(err, ErrUnknownUser) {
			t.Errorf("%s: %+v, %v", spec, u, err)
		}
	}
}

func TestLookupUser(t *testing.T) {
	root := t.TempDir()
	// An image from scratch has neither file.
	if u, err := lookupUser(root, "5:6"); err != nil || u.UID != 5 || u.GID != 6 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := lookupUser(root, ""); err == nil {
		t.Error("an empty name is somebody")
	}
	testutil.Write(t, root, "etc/passwd", passwd)
	testutil.Write(t, root, "etc/group", groupFile)
	if u, err := lookupUser(root, "ada"); err != nil || u.Shell != "/bin/zsh" || len(u.Groups) != 2 {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := LookupUser("root"); err != nil || u.UID != 0 {
		t.Errorf("root: %+v, %v", u, err)
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("ada:docker", []byte(passwd), []byte(groupFile))
	f.Add("0", []byte("root:x:0:0::/:\r\n"), []byte(""))
	f.Add("7:8", []byte(""), []byte(""))
	f.Fuzz(func(t *testing.T, spec string, passwd, group []byte) {
		u, err := resolve(spec, parsePasswd(passwd), parseGroup(group))
		if err != nil {
			if u != nil {
				t.Fatalf("%+v along with %v", u, err)
			}
			return
		}
		const leave = 1<<32 - 1 // setresuid's "leave as it is" must never come out
		if u.UID == leave || u.GID == leave {
			t.Fatalf("%q: %+v", spec, u)
		}
		for i, g := range u.Groups {
			if g == u.GID || g == leave || i > 0 && g <= u.Groups[i-1] {
				t.Fatalf("%q: groups %v", spec, u.Groups)
			}
		}
	})
}
