// Package pca finds the principal components of images: the eigenvectors of
// their covariance matrix that have the greatest eigenvalues.
//
// Everything is the same on every machine, to the last bit. Pixels are integers,
// so sums of their products are exact, whatever order they are added in. Where
// numbers are rounded, each has one order of operations, which the vector code
// keeps: its lanes are results of their own, or partial sums that plain Go makes
// in the same way.
//
// # Terms
//
// Scatter: the sums of products of columns, not yet centred. Component: a unit
// vector in the space of pixels. Lane: one of the numbers a vector register
// holds.
package pca
