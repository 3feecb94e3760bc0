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

// panelWidth is how many vectors share a panel of [Activations]: a register
// tile of the matrix product is 4 rows by panelWidth vectors.
const panelWidth = 6

// Activations is a batch of vectors in lane order, padded with +0 to a whole
// number of groups. The zero value is an empty batch. Any number of products
// may read it at once; Pack must not run beside them.
//
// Vectors are kept in panels of up to six. A panel of w vectors is an array
// [group][step][w][lane], so that a kernel reads it from front to back.
type Activations struct {
	data     []float32
	batch, n int
}

// Pack takes over x, row-major [batch, n]. It reuses the buffer it has and
// does not keep x. It panics unless len(x) == batch·n.
func (a *Activations) Pack(x []float32, batch, n int) {
	if batch < 0 || n < 0 || !isProduct(len(x), batch, n) {
		panicf("Activations.Pack: %d values for a batch of %d × %d", len(x), batch, n)
	}
	a.batch, a.n = batch, n
	size := batch * a.padded()
	if cap(a.data) < size {
		a.data = make([]float32, size)
	}
	a.data = a.data[:size]
	for first := 0; first < batch; first += panelWidth {
		p := a.panel(first)
		for b := range p.width {
			p.pack(b, x[(first+b)*n:][:n])
		}
	}
}

// Batch returns the number of vectors.
func (a *Activations) Batch() int { return a.batch }

// Len returns the length of each vector.
func (a *Activations) Len() int { return a.n }

func (a *Activations) groups() int { return (a.n + groupSize - 1) / groupSize }
func (a *Activations) padded() int { return a.groups() * groupSize }

// panel is the part of Activations that holds vectors first..first+width-1.
type panel struct {
	data  []float32
	width int
}

// panel returns the panel that starts with vector first, a multiple of panelWidth.
func (a *Activations) panel(first int) panel {
	width := min(panelWidth, a.batch-first)
	return panel{a.data[first*a.padded():][:width*a.padded()], width}
}

// pack stores vector b.
func (p panel) pack(b int, row []float32) {
	var last [groupSize]float32
	for j := 0; j < len(row); j += groupSize {
		group := row[j:]
		if len(group) < groupSize {
			copy(last[:], group)
			group = last[:]
		}
		for step := range stepCount {
			out := p.data[p.offset(b, j)+step*p.width*laneCount:][:laneCount]
			for q := range 4 {
				// slot: steps 0 to 3 take columns 0, 1, 8, 9 and every second one after.
				in := group[16*q+step>>1<<3+step&1:][:7]
				out[4*q], out[4*q+1], out[4*q+2], out[4*q+3] = in[0], in[2], in[4], in[6]
			}
		}
	}
}

// offset returns where vector b of the panel keeps column j.
func (p panel) offset(b, j int) int {
	step, lane := slot(j % groupSize)
	return ((j/groupSize*stepCount+step)*p.width+b)*laneCount + lane
}
