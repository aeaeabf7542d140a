package video

const (
	width, height = 1280, 720
	rate          = 10 // frames per second
	chunkFrames   = 10 * rate
)
