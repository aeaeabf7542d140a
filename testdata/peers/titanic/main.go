// Command titanic is what titanic.py beside it compares scikit-learn with.
//
//	titanic make ROWS SEED DIR   writes titanic.csv, of the data that TITANIC names if it does
//	titanic fit SEED DIR         learns and predicts once; prints CPU seconds and accuracy, and leaves
//	                             in test.txt which rows it was tested with
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/app/forest"
	"github.com/energyprobe/energyprobe/bench/app/titanic"
)

func main() {
	log.SetFlags(0)
	var err error
	switch {
	case len(os.Args) == 5 && os.Args[1] == "make":
		err = write(number(os.Args[2]), uint64(number(os.Args[3])), os.Args[4])
	case len(os.Args) == 4 && os.Args[1] == "fit":
		err = fit(uint64(number(os.Args[2])), os.Args[3])
	default:
		log.Fatal("usage: titanic make ROWS SEED DIR | titanic fit SEED DIR")
	}
	if err != nil {
		log.Fatal(err)
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		log.Fatalf("%q is not a number", s)
	}
	return n
}

func write(rows int, seed uint64, dir string) error {
	s := app.Setup{Dir: dir, Size: rows, Seed: seed, Workers: 1, Data: os.Getenv("TITANIC")}
	return titanic.New().Prepare(context.Background(), s)
}

func list(path string, rows []int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, row := range rows {
		fmt.Fprintln(w, row)
	}
	return errors.Join(w.Flush(), f.Close())
}

// cpu is what this process has taken, its collector of garbage included.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func fit(seed uint64, dir string) error {
	began := cpu()
	p, err := titanic.Part(filepath.Join(dir, "titanic.csv"), 0, 1)
	if err != nil {
		return err
	}
	read := cpu()
	learn, test := titanic.Divide(len(p.Survived), seed)
	if err := list(filepath.Join(dir, "test.txt"), test); err != nil {
		return err
	}
	divided := cpu()
	t, err := forest.NewTable(p.Columns[:]...)
	if err != nil {
		return err
	}
	f, err := forest.Fit(t, p.Survived, learn, forest.Options{Trees: 100, Seed: seed})
	if err != nil {
		return err
	}
	fitted := cpu()
	right := 0
	for i, odds := range f.Odds(t, test) {
		if (odds > .5) == (p.Survived[test[i]] == 1) {
			right++
		}
	}
	predicted := cpu()
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"read": (read - began).Seconds(), "fit": (fitted - divided).Seconds(), "predict": (predicted - fitted).Seconds(),
		"accuracy": float64(right) / float64(len(test)), "nodes": float64(f.Nodes()),
	})
}
