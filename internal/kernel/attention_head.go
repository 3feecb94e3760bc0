package kernel

import (
	"math"
	"unsafe"
)

// Attention is that of query heads that share a key/value head.
type Attention struct {
	Form   KVForm
	Dim    int // elements of a head
	Group  int // query heads
	Window int // positions that a query sees, its own among them; 0 for all so far
	// Length, if not 0, is how many positions there are, all of which have keys and values: queries see what comes after
	// them too, within the window as many as before them.
	Length int
	First  int // the first position that any query sees; at most the first query's
	// A score is Scale·q·k, and with a Softcap cap·tanh(Scale·q·k/cap).
	Scale, Softcap float32
	// Sinks, if not nil, is a score of each query head that is in its softmax, but of no position.
	Sinks []float32
}

// AttentionMemory is what a call of [Kernels.Attend] works in, for a number of rows: queries times Group. Calls that run
// at once have one each.
type AttentionMemory struct {
	queries, scores []float32
	now, all        softmaxes // of the segment; of all segments so far
}

// softmaxes are running softmaxes of some rows: their states, and sums of values [rows, padded dim].
type softmaxes struct {
	states []softmaxState
	sums   []float32
}

// AttentionFloats is how many float32 an AttentionMemory takes.
func AttentionFloats(rows, dim int) int {
	return rows * (dim + AttentionTile + 2*(4+paddedDim(dim)))
}

// NewAttentionMemory divides memory of AttentionFloats, whatever it holds.
func NewAttentionMemory(memory []float32, rows, dim int) *AttentionMemory {
	if rows < 1 || dim < 1 || len(memory) < AttentionFloats(rows, dim) {
		panicf("NewAttentionMemory: %d floats for %d rows of %d", len(memory), rows, dim)
	}
	take := func(n int) []float32 {
		part := memory[:n:n]
		memory = memory[n:]
		return part
	}
	m := &AttentionMemory{queries: take(rows * dim), scores: take(rows * AttentionTile)}
	for _, s := range []*softmaxes{&m.now, &m.all} {
		s.states = unsafe.Slice((*softmaxState)(unsafe.Pointer(unsafe.SliceData(take(4*rows)))), rows)
		s.sums = take(rows * paddedDim(dim))
	}
	return m
}

// Tiles are the tiles of a head, in pages that have one of them each and whatever else: that of the positions from
// i·AttentionTile on begins at byte At of Pages[i].
type Tiles struct {
	Pages [][]byte
	At    int
}

// Attend sets out to what n queries see, those of n positions of a sequence from the given one on. Query i has its heads
// side by side at queries[i·ld], and so its output, which may be the same memory. tiles are the head's, with the keys and
// values of all positions that are seen. It panics where lengths are wrong.
func (k *Kernels) Attend(a *Attention, out, queries []float32, ld int, tiles Tiles, position, n int, m *AttentionMemory) {
	width := a.Group * a.Dim
	last := a.last(position + n - 1)
	switch {
	case n < 1 || position < 0 || a.Group < 1 || a.Dim < 1 || a.Window < 0 || a.First < 0 || a.First > position || a.Length < 0 || a.Length > 0 && position+n > a.Length,
		!fits(len(queries), n, ld, width), !fits(len(out), n, ld, width),
		len(m.queries) < n*width || len(m.all.sums) < n*a.Group*paddedDim(a.Dim),
		tiles.At < 0, len(tiles.Pages) <= last/AttentionTile, a.Sinks != nil && len(a.Sinks) != a.Group:
		panicf("Attend: %d queries of %d heads from position %d on, %d apart; %d tiles", n, a.Group, position, ld, len(tiles.Pages))
	}
	for i := range n {
		k.scale(m.queries[i*width:][:width], queries[i*ld:][:width], a.Scale)
	}
	for segment := a.first(position) / AttentionSegment; segment <= last/AttentionSegment; segment++ {
		k.attendSegment(a, tiles, position, n, segment, m)
		if segment == a.first(position)/AttentionSegment {
			m.now, m.all = m.all, m.now
		} else {
			k.merge(&m.all, &m.now, n*a.Group, paddedDim(a.Dim))
		}
	}
	padded := paddedDim(a.Dim)
	for r := range n * a.Group {
		to := out[r/a.Group*ld+r%a.Group*a.Dim:][:a.Dim]
		factor := 1 / m.all.states[r].sum
		if a.Sinks != nil {
			factor = m.all.states[r].withSink(a.Sinks[r%a.Group])
		}
		k.scale(to, m.all.sums[r*padded:][:a.Dim], factor)
	}
}

// first is the first position that a query sees.
func (a *Attention) first(position int) int {
	if a.Window == 0 {
		return a.First
	}
	return max(a.First, position-a.Window+1)
}

// last is the last position that a query sees.
func (a *Attention) last(position int) int {
	switch {
	case a.Length == 0:
		return position
	case a.Window == 0:
		return a.Length - 1
	}
	return min(a.Length, position+a.Window) - 1
}

// attendSegment runs the softmaxes m.now over a segment from their beginning.
func (k *Kernels) attendSegment(a *Attention, tiles Tiles, position, n, segment int, m *AttentionMemory) {
	padded, size := paddedDim(a.Dim), a.Form.TileBytes(a.Dim)
	rows := n * a.Group
	for r := range m.now.states[:rows] {
		m.now.states[r] = softmaxState{largest: noScore}
	}
	clear(m.now.sums[:rows*padded])
	from := max(a.first(position), segment*AttentionSegment) / AttentionTile
	to := min(a.last(position+n-1), (segment+1)*AttentionSegment-1) / AttentionTile
	for i := from; i <= to; i++ {
		t := a.Form.tile(tiles.Pages[i][tiles.At:][:size], a.Dim)
		k.attendTile(a, &t, i*AttentionTile, position, n, m)
	}
}

// attendTile takes the queries through the tile of the positions from start on.
func (k *Kernels) attendTile(a *Attention, t *tile, start, position, n int, m *AttentionMemory) {
	// Queries whose window ends before the tile see nothing of it, nor do those whose window is behind it.
	i, end := 0, n
	for i < n && a.last(position+i) < start {
		i++
	}
	if a.Window > 0 {
		end = min(n, start+AttentionTile-1+a.Window-position)
	}
	if i >= end {
		return
	}
	padded := paddedDim(a.Dim)
	scores, states := m.scores[i*a.Group*AttentionTile:end*a.Group*AttentionTile], m.now.states[i*a.Group:end*a.Group]
	sums := m.now.sums[i*a.Group*padded : end*a.Group*padded]
	k.scores(scores, m.queries[i*a.Group*a.Dim:end*a.Group*a.Dim], t)
	if a.Softcap > 0 {
		k.Softcap(scores, 1, a.Softcap)
	}
	whole := a.hide(scores, start, position+i)
	k.softmaxTile(scores, states, t.valueScales)
	if whole {
		k.values(sums, states, scores, t.form, t.values, padded, AttentionTile)
		return
	}
	for q := range end - i {
		from, to := a.seen(start, position+i+q)
		row := q * a.Group
		k.values(sums[row*padded:][:a.Group*padded], states[row:][:a.Group], scores[row*AttentionTile+from:], t.form,
			t.values[from*padded*t.form.element():], padded, to-from)
	}
}

// seen returns which positions of the tile that begins at start a query sees that sees some, counted from there.
func (a *Attention) seen(start, position int) (from, to int) {
	return max(0, a.first(position)-start), min(a.last(position)+1-start, AttentionTile)
}

// hide sets the scores of positions that are not seen to -Inf, and tells whether there are none. What lies there may be
// anything, so that nothing is multiplied by it.
func (a *Attention) hide(scores []float32, start, position int) (whole bool) {
	whole = true
	never := float32(math.Inf(-1))
	for r := range len(scores) / AttentionTile {
		from, to := a.seen(start, position+r/a.Group)
		if from == 0 && to == AttentionTile {
			continue
		}
		whole = false
		row := scores[r*AttentionTile:][:AttentionTile]
		for p := range from {
			row[p] = never
		}
		for p := to; p < AttentionTile; p++ {
			row[p] = never
		}
	}
	return whole
}

// merge takes a later segment's softmaxes into those of all before: both are brought to the larger of the two largest
// scores. A row that saw nothing of either segment leaves the other as it is.
func (k *Kernels) merge(all, now *softmaxes, rows, padded int) {
	for r := range rows {
		s, t := &all.states[r], &now.states[r]
		sums, later := all.sums[r*padded:][:padded], now.sums[r*padded:][:padded]
		switch {
		case t.sum == 0:
			continue
		case s.sum == 0:
			*s = *t
			copy(sums, later)
			continue
		}
		largest := max(s.largest, t.largest)
		s.factor, t.factor = exp32(s.largest-largest), exp32(t.largest-largest)
		s.sum = FMA32(t.sum, t.factor, float32(s.sum*s.factor))
		s.largest = largest
		k.values(sums, all.states[r:][:1], unsafe.Slice(&t.factor, 1), KVF32, bytesOf(later), padded, 1)
	}
}
