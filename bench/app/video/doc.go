// Package video looks for the brightest frame of every ten seconds of a film,
// sharpens it and finds its edges.
//
// The film is generated from a seed, or made of a file of the user's with ffmpeg:
// in either case frames of 1280 x 720, ten a second, in a lossless format of our
// own. The stages are those of the original:
//
//	split     decode the film, write each ten seconds of it as a film (encode)
//	extract   decode that, keep the frame with the highest mean of the grey image
//	sharpen   filter it with a 3x3 kernel
//	classify  edges (Canny, 50 and 150), their density, colours: JSON
//
// All four are divided among workers by chunks of ten seconds. What the kernels
// compute is in package vision.
package video
