// Package work does the work of one cell: the stages of an application, one
// after the other, each by a number of worker processes.
//
//	runner       measures one command, the coordinator (package bench)
//	coordinator  Run: starts the workers of a stage, waits for all, goes on
//	worker       Serve: waits for its task on standard input, does it, says how long it took
//
// The processes are copies of this program, or commands of the user's. A worker is
// put into its control group before it is told its task, so what it does is
// limited from the beginning. All of them end when the runner does: the
// coordinator's standard input ends then, and a worker ends with its parent.
package work
