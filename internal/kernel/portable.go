package kernel

import "math"

// This file is the canon as plain Go: slow, short, and what every assembly
// routine is tested against.

// weights is a matrix in any of the forms that this package multiplies by.
type weights interface {
	// group returns columns [64·g, 64·g+64) of row r; columns past the end are +0.
	group(r, g int) [groupSize]float32
}

// indexed is a matrix of codebook indices, rows ld apart.
type indexed struct {
	t        *Table
	idx      []byte
	ld, cols int
}

func (m indexed) group(r, g int) (w [groupSize]float32) {
	first := g * groupSize
	row := m.idx[r*m.ld+first : r*m.ld+min(first+groupSize, m.cols)]
	for j, i := range row {
		w[j] = m.t.values[i]
	}
	return w
}

// denseF32 is a matrix of float32, rows ld apart.
type denseF32 struct {
	w        []float32
	ld, cols int
}

func (m denseF32) group(r, g int) (w [groupSize]float32) {
	first := g * groupSize
	copy(w[:], m.w[r*m.ld+first:r*m.ld+min(first+groupSize, m.cols)])
	return w
}

// denseBF16 is a matrix of bfloat16, rows ld apart.
type denseBF16 struct {
	w        []uint16
	ld, cols int
}

func (m denseBF16) group(r, g int) (w [groupSize]float32) {
	first := g * groupSize
	for j, bits := range m.w[r*m.ld+first : r*m.ld+min(first+groupSize, m.cols)] {
		w[j] = math.Float32frombits(uint32(bits) << 16)
	}
	return w
}

// dotPortable sets y[b·ldy+r] to the dot product of vector b and row r.
func dotPortable[W weights](y []float32, ldy int, x *Activations, m W, rows int) {
	for first := 0; first < x.batch; first += x.width {
		p := x.panel(first)
		for b := range p.width {
			for r := range rows {
				y[(first+b)*ldy+r] = dotRow(p, b, m, r, x.groups())
			}
		}
	}
}

func dotRow[W weights](p panel, b int, m W, r, groups int) float32 {
	var lanes [laneCount]float32
	for g := range groups {
		w := m.group(r, g)
		for j, weight := range w {
			_, l := slot(j)
			lanes[l] = FMA32(p.data[p.offset(b, g*groupSize+j)], weight, lanes[l])
		}
	}
	return canonical(sumLanes(lanes))
}

// sumLanes adds lanes i and i+8, then i and i+4, i+2, i+1.
func sumLanes(lanes [laneCount]float32) float32 {
	for half := laneCount / 2; half > 0; half /= 2 {
		for i := range half {
			lanes[i] += lanes[i+half]
		}
	}
	return lanes[0]
}

// accumulatePortable adds x[b·ldx+r] times row r to row b of y, rows in
// ascending order.
func accumulatePortable[W weights](y []float32, ldy int, x []float32, ldx, batch int, m W, rows, cols int) {
	for first := 0; first < cols; first += groupSize {
		width := min(groupSize, cols-first)
		for r := range rows {
			w := m.group(r, first/groupSize)
			for b := range batch {
				out, xr := y[b*ldy+first:][:width], x[b*ldx+r]
				for j := range out {
					out[j] = FMA32(xr, w[j], out[j])
				}
			}
		}
		for b := range batch {
			out := y[b*ldy+first:][:width]
			for j := range out {
				out[j] = canonical(out[j])
			}
		}
	}
}
