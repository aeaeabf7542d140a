// Package instrument calibrates the measuring: how often counters are updated,
// how long it takes to read them, whether the interfaces to them agree, and how
// the clock runs. It takes open sources and knows nothing of how they are
// opened, of loads or of models.
//
// What is seen is kept apart from what is made of it: [Watch] and [Compare]
// read, in loops that allocate nothing, and what they saw is judged afterwards,
// when all of it is known.
package instrument
