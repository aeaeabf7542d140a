package bench

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The applications as they were first written, in Python, with a matrix of them.
//
//go:embed originals
var originals embed.FS

const originalsMatrix = "matrix.yaml"

// WriteOriginals writes the Python originals and their matrix into a directory,
// which it makes, and returns the matrix's path. Files that are there are left
// alone, with an error.
func WriteOriginals(dir string) (matrix string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	// The path goes into YAML and through a shell.
	if strings.ContainsAny(dir, "\"\\$`\n") {
		return "", fmt.Errorf("write the originals to %q: a path without quotes, backslashes and dollars is needed", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	files, err := fs.ReadDir(originals, "originals")
	if err != nil {
		return "", err
	}
	for _, f := range files {
		b, err := originals.ReadFile("originals/" + f.Name())
		if err != nil {
			return "", err
		}
		if f.Name() == originalsMatrix {
			b = []byte(strings.ReplaceAll(string(b), "{scripts}", dir))
		}
		if err := writeNew(filepath.Join(dir, f.Name()), b); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, originalsMatrix), nil
}

func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there: give another directory, or remove it", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}
