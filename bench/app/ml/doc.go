// Package ml is the ensemble of boosted trees: images are described by their 100
// principal components, models of gradient boosted trees are trained on them, and
// the models' predictions are averaged.
//
// There are as many models for any number of workers; they are what is divided.
// So the work, and the checksum, are the same for 4 workers and for 28. Every
// model draws another fraction of the features and of the rows, which gives the
// ensemble what it lives from: models that err in different places.
//
// Generated images are strokes of ten shapes, bent at random. A row is a line of
// text, the label first, then 28 x 28 pixels, separated by tabs; Data is such a
// file, of which Size rows are taken, or all there are. Every sixth row is kept for
// testing.
package ml
