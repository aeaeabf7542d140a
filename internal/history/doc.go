// Package history keeps results in a file of their own: one JSON document per
// line, appended under a lock, so that any number of processes can add to it
// and none can damage what another has stored.
//
// A line is
//
//	{"entry":{...},"bytes":N,"result":{...}}
//
// The entry is what a list says of the result. The result has N bytes, so that
// a reader who wants the entry only can tell a whole line from a torn one
// without reading the result: lists are made of some 500 bytes of each 16 KiB.
// Time series are not stored; an entry says how long one was. A line that is a
// result by itself is read too.
//
// What a crash leaves is at most one line without an end. Readers skip it and
// say so; the next writer removes it.
package history
