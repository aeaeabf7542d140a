// Package flexexecutor reads the profiles of FlexExecutor, a workflow layer
// above Lithops, and writes results in their form.
//
// A profile is a JSON file for each stage of an application:
//
//	{"(1, 1024, 28)": {"read": [[0.31, 0.29, ...], ...], "TDP": ..., ...}, ...}
//
// The key is the configuration: vCPUs asked for, memory in MB, workers. Under it
// every metric has a list of repetitions, which are lists of one value for each
// worker. The directory says the rest: application, back end, memory again and
// architecture, as in titanic_aws_1024Mb_x86.
//
// # Glossary
//
//	profile      one such file, plain or gzip: what one stage was seen to do.
//	stage        a step of an application that many workers do side by side. The
//	             next begins when the slowest of them has ended.
//	invocation   one worker in one stage of one repetition.
//	repetition   one run of the whole application in one configuration.
//	cell         a repetition, as report.BenchCell holds it.
//
// What the metrics mean is not what their names say: docs/import.md has it, and
// metric.go the table. What is not known becomes null with a reason, and never 0.
package flexexecutor
