package kernel

const (
	groupSize = 64 // columns that are looked up together
	laneCount = 16 // partial sums of a dot product
	stepCount = 4  // fused multiply-adds a lane makes per group
)

// slot returns where column j of a group of 64 is kept in lane order: lane and
// step, step counting that lane's columns in ascending order.
//
// With j = 16·q + 8·h + 2·p + o the lane is 4·q + p and the step 2·h + o. It is
// the order in which two byte planes come out of a table lookup: q is the
// 128-bit part of a register, h says which of the two unpack instructions gave
// it, and o whether it is the odd or the even 16-bit half of a 32-bit word.
func slot(j int) (step, lane int) {
	return j>>3&1<<1 | j&1, j>>4<<2 | j>>1&3
}

// panelWidth is how many vectors share a panel of [Activations] at most: a register
// tile of the matrix product is 4 rows by a panel.
const panelWidth = 6

// Activations is a batch of vectors in lane order, padded with +0 to a whole
// number of groups. The zero value is an empty batch. Any number of products
// may read it at once; it must not be packed beside them.
//
// Vectors are kept in panels of up to six, all of about the same width: of eight vectors,
// two panels of four take less time than one of six and one of two. A panel of w vectors is an array
// [group][step][w][lane], so that a kernel reads it from front to back.
type Activations struct {
	data     []float32
	batch, n int
	width    int // of the panels, but for the last
}

// Pack takes over x, row-major [batch, n]. It reuses the buffer it has and
// does not keep x. It panics unless len(x) == batch·n.
func (a *Activations) Pack(x []float32, batch, n int) {
	if !isProduct(len(x), batch, n) {
		panicf("Activations.Pack: %d values for a batch of %d × %d", len(x), batch, n)
	}
	a.Reserve(batch, n)
	for b := range batch {
		a.PackColumns(b, x[b*n:][:n], 0, n)
	}
}

// PackUnit is the number of columns that are packed together.
const PackUnit = groupSize

// Reserve makes room for batch vectors of n values in the buffer that there is, or another. Until all of their columns are
// packed, their values are anyone's guess.
func (a *Activations) Reserve(batch, n int) {
	if batch < 0 || n < 0 {
		panicf("Activations.Reserve: a batch of %d × %d", batch, n)
	}
	a.batch, a.n = batch, n
	panels := max(1, (batch+panelWidth-1)/panelWidth)
	a.width = max(1, (batch+panels-1)/panels) // panelWidth where there are more than 25 vectors
	size := batch * a.padded()
	if cap(a.data) < size {
		a.data = make([]float32, size)
	}
	a.data = a.data[:size]
}

// PackColumns takes over columns [from, to) of vector b, which is given whole. Others may be packed at the same time: from is
// a multiple of PackUnit, and to is one or the end.
func (a *Activations) PackColumns(b int, vector []float32, from, to int) {
	a.checkPart("Activations.PackColumns", b, len(vector), from, to)
	p, in := a.place(b)
	var last [groupSize]float32
	for j := from; j < to; j += groupSize {
		group := vector[j:]
		if len(group) < groupSize {
			copy(last[:], group)
			group = last[:]
		}
		p.packGroup(in, j, group)
	}
}

// PackScaledColumns is PackColumns for vectors whose values are put into the order of columns c, and multiplied by their
// steps, rounded once. It panics unless there are as many as a vector has values.
func (a *Activations) PackScaledColumns(b int, vector []float32, c *Columns, from, to int) {
	if c.n != len(vector) {
		panicf("Activations.PackScaledColumns: %d columns for %d values", c.n, len(vector))
	}
	a.checkPart("Activations.PackScaledColumns", b, len(vector), from, to)
	p, in := a.place(b)
	var group [groupSize]float32
	for j := from; j < to; j += groupSize {
		n := min(groupSize, len(vector)-j)
		for i := range n {
			group[i] = vector[c.Place(j+i)] * c.Step(j+i)
		}
		clear(group[n:])
		p.packGroup(in, j, group[:])
	}
}

func (a *Activations) checkPart(method string, b, n, from, to int) {
	whole := from%groupSize == 0 && (to%groupSize == 0 || to == a.n)
	if b < 0 || b >= a.batch || n != a.n || from < 0 || from > to || to > a.n || !whole {
		panicf("%s: columns [%d, %d) of vector %d, of %d values, in a batch of %d × %d", method, from, to, b, n, a.batch, a.n)
	}
}

// place returns the panel that vector b is in, and its number there.
func (a *Activations) place(b int) (p panel, in int) {
	first := b / a.width * a.width
	return a.panel(first), b - first
}

func (a *Activations) groups() int { return (a.n + groupSize - 1) / groupSize }
func (a *Activations) padded() int { return a.groups() * groupSize }

// panel is the part of Activations that holds vectors first..first+width-1.
type panel struct {
	data  []float32
	width int
}

// panel returns the panel that starts with vector first, a multiple of the width.
func (a *Activations) panel(first int) panel {
	width := min(a.width, a.batch-first)
	return panel{a.data[first*a.padded():][:width*a.padded()], width}
}

// packGroup stores a group of vector b, from column j on.
func (p panel) packGroup(b, j int, group []float32) {
	for step := range stepCount {
		out := p.data[p.offset(b, j)+step*p.width*laneCount:][:laneCount]
		for q := range 4 {
			// slot: steps 0 to 3 take columns 0, 1, 8, 9 and every second one after.
			in := group[16*q+step>>1<<3+step&1:][:7]
			out[4*q], out[4*q+1], out[4*q+2], out[4*q+3] = in[0], in[2], in[4], in[6]
		}
	}
}

// offset returns where vector b of the panel keeps column j.
func (p panel) offset(b, j int) int {
	step, lane := slot(j % groupSize)
	return ((j/groupSize*stepCount+step)*p.width+b)*laneCount + lane
}
