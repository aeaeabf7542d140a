// Package boost trains gradient boosted decision trees for several classes, in
// the shape of LightGBM (Ke et al., LightGBM: A Highly Efficient Gradient
// Boosting Decision Tree, 2017): features in bins, histograms of gradients, trees
// that grow by the leaf whose split gains most, features and rows drawn anew in
// every round.
//
// # Integers
//
// Gradients are rounded to fixed-point numbers, the gradient and the second
// derivative of a row in one word, as in LightGBM's quantized training (Shi et
// al., Quantized Training of Gradient Boosting Decision Trees, 2022), but with 14
// bits. Sums of them are exact: the order in which rows are added is nobody's
// concern, a histogram is its parent's less its sibling's to the last bit, and
// every machine grows the same trees.
//
// # Terms
//
// Bag: the rows that a round's trees are grown on. Bin: one of up to 255 intervals
// of a feature's values. Gain: by how much a split lowers the loss, to second
// order. Gradient and Hessian: first and second derivative of a row's loss by its
// score.
package boost
