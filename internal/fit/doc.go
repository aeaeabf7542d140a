// Package fit fits models that predict one number, watts, from features of
// what a machine did, and judges them. It is arithmetic alone: no files, no
// clocks, no packages of the project. What is drawn at random takes a seed,
// and the same seed and values give the same result.
//
// There are two kinds of model. A [Curve] has one feature and rises with it
// ([Isotonic]). A [Linear] model has several, none of which lowers the power
// ([NNLS]). [Judge] says how far predictions are from the truth,
// [CrossValidate] how far they are on workloads that were not fitted, [Select]
// which model deserves its parameters. [Bootstrap] says how well all these are
// known, and [NewBand] how far a prediction may be off.
//
// # Terms
//
//	point      one measurement: features and the truth, watts.
//	truth      what a counter said.
//	residual   truth less prediction. Errors that have a sign have the other
//	           one: prediction less truth, so that too much is positive.
//	group      points that have a cause in common, a workload: a model is
//	           wrong about them in the same direction.
//	fold       repeats of the same point.
//	block      points that are drawn together, as they depend on one another.
//	relative   divided, not in percent: 0.02 is 2 %.
//
// # Values that are none
//
// NaN, infinite and beyond ±1e100 is refused with [ErrInput], which says what
// and where. Sizes below 1e-100 count as 0. What can't be known, like R² where
// the truth never changes, is NaN: nothing is ever 0 for want of data.
package fit
