//go:build !amd64 || purego

package vision

func greySumVector([]byte) (sum int64, done int)           { return 0, 0 }
func lumaVector(_, _ []byte) int                           { return 0 }
func sharpenVector(_, _, _, _ []byte) int                  { return 3 }
func sobel(g *gradient, above, row, below []byte, low int) { sobelGo(g, above, row, below, low) }
