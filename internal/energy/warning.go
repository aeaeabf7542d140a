package energy

// Warning is something a reader of the result should know about how it was
// measured. It ends in advice; Code is a stable word to match on.
type Warning struct {
	Code, Message, Advice string
}
