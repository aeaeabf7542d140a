package priv

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// User is somebody a command can be run as.
type User struct {
	Name   string // "" for a bare number that /etc/passwd does not have
	UID    uint32
	GID    uint32   // primary group
	Groups []uint32 // supplementary groups, sorted; the primary is not among them
	Home   string   // "" where unknown
	Shell  string   // likewise
}

// ErrUnknownUser is the error of LookupUser for a user or group that the
// files do not have.
var ErrUnknownUser = errors.New("unknown user")

// LookupUser finds a user by name, number, NAME:GROUP or UID:GID. It reads
// /etc/passwd and /etc/group and asks no directory service (LDAP, SSSD): the
// program has no C library to do so. A number without a group must be in
// /etc/passwd, because its primary group would be a guess.
func LookupUser(name string) (*User, error) { return lookupUser("/", name) }

func lookupUser(root, spec string) (*User, error) {
	if spec == "" {
		return nil, errors.New("look up user: the name is empty")
	}
	passwd, err := readAccounts(root, "/etc/passwd", parsePasswd)
	if err != nil {
		return nil, fmt.Errorf("look up user %s: %w", spec, err)
	}
	groups, err := readAccounts(root, "/etc/group", parseGroup)
	if err != nil {
		return nil, fmt.Errorf("look up user %s: %w", spec, err)
	}
	return resolve(spec, passwd, groups)
}

// resolve turns a --user argument into a user.
func resolve(spec string, passwd []User, groups []group) (*User, error) {
	name, groupName, hasGroup := strings.Cut(spec, ":")
	u, found := findUser(name, passwd)
	if !found {
		uid, err := parseID(name)
		if err != nil {
			return nil, fmt.Errorf("look up user %s: %w: /etc/passwd has no %q; users of a directory service can be given as UID:GID (see id %s)", spec, ErrUnknownUser, name, name)
		}
		if !hasGroup {
			return nil, fmt.Errorf("look up user %s: %w: /etc/passwd has no user with that number, and its group is not known: give UID:GID", spec, ErrUnknownUser)
		}
		u = User{UID: uid}
	}
	if hasGroup {
		gid, err := findGroup(groupName, groups)
		if err != nil {
			return nil, fmt.Errorf("look up user %s: %w", spec, err)
		}
		u.GID = gid
	}
	for _, g := range groups {
		if g.gid != u.GID && u.Name != "" && slices.Contains(g.members, u.Name) {
			u.Groups = append(u.Groups, g.gid)
		}
	}
	slices.Sort(u.Groups)
	u.Groups = slices.Compact(u.Groups)
	return &u, nil
}

// findUser looks for a name before a number: a user may be called "1000".
func findUser(name string, passwd []User) (User, bool) {
	if i := slices.IndexFunc(passwd, func(u User) bool { return u.Name == name }); i >= 0 {
		return passwd[i], true
	}
	uid, err := parseID(name)
	if err != nil {
		return User{}, false
	}
	if i := slices.IndexFunc(passwd, func(u User) bool { return u.UID == uid }); i >= 0 {
		return passwd[i], true
	}
	return User{}, false
}

func findGroup(name string, groups []group) (uint32, error) {
	if i := slices.IndexFunc(groups, func(g group) bool { return g.name == name }); i >= 0 {
		return groups[i].gid, nil
	}
	gid, err := parseID(name)
	if err != nil {
		return 0, fmt.Errorf("%w: /etc/group has no %q", ErrUnknownUser, name)
	}
	return gid, nil
}

type group struct {
	name    string
	gid     uint32
	members []string
}

// parsePasswd parses passwd(5). Lines that are no accounts (comments, NIS
// references, numbers out of range) are skipped, as the C library does.
func parsePasswd(b []byte) []User {
	var users []User
	for line := range bytes.Lines(b) {
		f := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
		if len(f) != 7 || !accountName(f[0]) {
			continue
		}
		uid, err1 := parseID(f[2])
		gid, err2 := parseID(f[3])
		if err1 != nil || err2 != nil {
			continue
		}
		users = append(users, User{Name: f[0], UID: uid, GID: gid, Home: f[5], Shell: f[6]})
	}
	return users
}

// parseGroup parses group(5).
func parseGroup(b []byte) []group {
	var groups []group
	for line := range bytes.Lines(b) {
		f := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
		if len(f) != 4 || !accountName(f[0]) {
			continue
		}
		gid, err := parseID(f[2])
		if err != nil {
			continue
		}
		g := group{name: f[0], gid: gid}
		for _, m := range strings.Split(f[3], ",") {
			if m = strings.TrimSpace(m); m != "" {
				g.members = append(g.members, m)
			}
		}
		groups = append(groups, g)
	}
	return groups
}

func accountName(s string) bool { return s != "" && !strings.ContainsAny(s[:1], "#+-") }

// parseID parses a user or group number. 2^32-1 is no ID: to the kernel it
// means "leave as it is" (setresuid(2)).
func parseID(s string) (uint32, error) {
	v, err := strconv.ParseUint(s, 10, 32)
	if err == nil && v == 1<<32-1 {
		err = strconv.ErrRange
	}
	return uint32(v), err
}

func readAccounts[T any](root, path string, parse func([]byte) []T) ([]T, error) {
	b, err := os.ReadFile(filepath.Join(root, path))
	if errors.Is(err, os.ErrNotExist) {
		// A container image from scratch has neither file; numbers still work.
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(b), nil
}
