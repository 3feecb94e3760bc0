package tiles

// A list of exceptions is walked with the position of the entry before, which begins at 0.

const (
	longest  = 127  // a distance that is only gone
	negative = 0x80 // in an entry
	goOn     = longest | negative
)

// entriesBetween returns how many entries that change nothing lie between those at two positions.
func entriesBetween(from, to int) int { return (to - from) / longest }

// appendEntries appends entries that go from one position to another and add e, not 0, there.
func appendEntries(list []byte, from, to, e int) []byte {
	for ; to-from >= longest; from += longest {
		list = append(list, goOn)
	}
	entry, n := byte(to-from), e
	if e < 0 {
		entry, n = entry|negative, -e
	}
	list = append(list, entry)
	for range n - 1 {
		list = append(list, entry&negative)
	}
	return list
}
