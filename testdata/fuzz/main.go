// Command fuzz runs every fuzz target of the module for a while each, which
// `go test` can do for one at a time only.
//
//	go run ./testdata/fuzz 30s
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run ./testdata/fuzz DURATION")
	}
	each, err := time.ParseDuration(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	failed := 0
	for _, t := range targets() {
		fmt.Printf("%s %s\n", t.pkg, t.name)
		c := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", each.String(), t.pkg)
		if out, err := c.CombinedOutput(); err != nil {
			fmt.Printf("%s\n", out)
			failed++
		}
	}
	if failed > 0 {
		log.Fatalf("%d fuzz targets failed", failed)
	}
}

type target struct{ pkg, name string }

// targets lists the fuzz targets, package by package.
func targets() []target {
	out, err := exec.Command("go", "test", "-list", "^Fuzz", "./...").Output()
	if err != nil {
		log.Fatalf("go test -list: %v", err)
	}
	var all []target
	var names []string
	for line := range strings.Lines(string(bytes.TrimSpace(out))) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		case len(fields) >= 2 && fields[0] == "ok":
			for _, n := range names {
				all = append(all, target{pkg: fields[1], name: n})
			}
			names = nil
		}
	}
	return all
}
