package convert

import "container/heap"

// least shares work out among bins: each piece goes to the bin that has least, the first of several.
type least struct {
	bins []int // a heap
	sum  []int64
}

func newLeast(n int) *least {
	l := &least{bins: make([]int, n), sum: make([]int64, n)}
	for i := range l.bins {
		l.bins[i] = i
	}
	return l
}

// add puts a piece into a bin and returns which.
func (l *least) add(n int64) int {
	i := l.bins[0]
	l.sum[i] += n
	heap.Fix(l, 0)
	return i
}

func (l *least) Len() int { return len(l.bins) }

func (l *least) Less(a, b int) bool {
	a, b = l.bins[a], l.bins[b]
	return l.sum[a] < l.sum[b] || l.sum[a] == l.sum[b] && a < b
}

func (l *least) Swap(a, b int) { l.bins[a], l.bins[b] = l.bins[b], l.bins[a] }
func (l *least) Push(any)      {}
func (l *least) Pop() any      { return nil }
