package report

import "fmt"

// ArchName is what texts call an architecture, as the first study did.
func ArchName(arch string) string {
	switch arch {
	case "x86_64":
		return "x86"
	case "aarch64":
		return "ARM"
	}
	return arch
}

// AppName is what texts call an application, as the first study did.
func AppName(app string) string {
	switch app {
	case "ml":
		return "ML"
	case "montecarlo":
		return "pi"
	}
	return app
}

// MemoryName is "1024 MB", or "no limit" for nil.
func MemoryName(mb *int) string {
	if mb == nil {
		return "no limit"
	}
	return fmt.Sprintf("%d MB", *mb)
}

// Name is "ARM 1024 MB, 28 workers".
func (c *BenchConfig) Name() string {
	return ArchName(c.Arch) + " " + MemoryName(c.MemoryMB) + ", " + Plural(c.Workers, "worker")
}

// Plural is a number of things, by their name in the singular: "1 worker",
// "2 workers".
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
