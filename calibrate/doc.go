// Package calibrate says how far power models can be trusted on a host, and
// fits better ones. It loads the machine in steps, reads its counters
// meanwhile, puts every reading through quality control, fits models of rising
// detail to those that pass, and tries all of them, the published ones too, on
// loads that none was fitted to.
package calibrate
