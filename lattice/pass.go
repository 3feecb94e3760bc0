package lattice

import (
	"cmp"
	"context"
	"math"
	"math/bits"
	"slices"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/linalg"
	"github.com/helix-substrate/helix-substrate/internal/ordered"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// Rows are quantized in panels, which have nothing to do with each other, and columns in parts (Parts), which have neither.
// Within a part columns go in blocks, to which a product of matrices adds what all later ones lost, and in a block in groups,
// to which what later groups of it lost is added group by group. Within a group columns go one by one. These sizes decide
// about the order of sums.
const (
	panelRows    = 128
	blockColumns = 192
	groupColumns = kernel.RoundColumns
)

// stripColumns, of which a block has several, decide about no order: what the groups of a strip have lost goes to the
// groups before them in it at once, and to the strips before it, when their turn comes, by one product.
const stripColumns = 48

// largest is the largest integer. The largest value is a little less than float32 holds, as a reader rounds twice. What is
// beyond is left to the columns before.
const (
	largest      = math.MaxInt32
	largestValue = 0x1.fffep127
)

// pass quantizes rows with steps that are fixed.
type pass struct {
	f       *Factor
	engine  *engine
	threads int
	step    []float64 // s, by which y is divided; +Inf in dead columns
	stored  []float64 // γ·s as the file has it; 0 in dead columns
	limit   []float64 // of |z|
	// near are, by strip, the rows of M, cut to the strip's columns, that lie between the strip and the end of its block:
	// [.., stripColumns], in the order in which their groups' turn comes.
	near [][]float64
}

// newPass sets the steps for c and γ. Stored steps are bfloat16, and what that changes the columns before make up for.
func newPass(f *Factor, engine *engine, threads int, c float64, gamma []float64) *pass {
	p := &pass{
		f: f, engine: engine, threads: threads,
		step: make([]float64, f.n), stored: make([]float64, f.n), limit: make([]float64, f.n),
	}
	for j, d := range f.pivots {
		p.step[j] = math.Inf(1)
		if d > 0 {
			p.step[j] = c / math.Sqrt(d)
			p.stored[j] = toBF16(float64(gamma[j] * p.step[j]))
			p.limit[j] = math.Trunc(min(largest, largestValue/p.stored[j]))
		}
	}
	for i := range f.parts {
		p.addNear(&f.parts[i])
	}
	return p
}

// addNear adds near of a part's strips, those that end with the part included.
func (p *pass) addNear(part *factored) {
	for strip := part.Start; strip < part.End; strip += stripColumns {
		var near []float64
		hi := min((strip/blockColumns+1)*blockColumns, part.End)
		for end := hi; end > strip+stripColumns; {
			start := groupOf(end)
			for i := start; i < end; i++ {
				near = append(near, part.from(i, strip)[:stripColumns]...)
			}
			end = start
		}
		p.near = append(p.near, near)
	}
}

// groupOf is where the group begins that ends at a column.
func groupOf(end int) int { return (end - 1) / groupColumns * groupColumns }

// toBF16 rounds a positive number to one that bfloat16 holds, the largest if it is too large.
func toBF16(v float64) float64 {
	const most = 0x1.fep127
	return float64(dtype.FromBF16(dtype.ToBF16(float32(min(v, most)))))
}

// tally is what a pass sums up, by column but for the fidelity.
type tally struct {
	zz, zy []float64 // ⟨z, z⟩ and ⟨z, y⟩, y in units of the step
	ee, rr []float64 // ⟨e, e⟩ and ⟨R_j, R_j⟩
	errors codebook.ErrorSum
}

func newTally(n int) *tally {
	v := make([]float64, 4*n)
	return &tally{zz: v[:n], zy: v[n : 2*n], ee: v[2*n : 3*n], rr: v[3*n:]}
}

func (t *tally) merge(o *tally) {
	for _, pair := range [][2][]float64{{t.zz, o.zz}, {t.zy, o.zy}, {t.ee, o.ee}, {t.rr, o.rr}} {
		for j, v := range pair[1] {
			pair[0][j] += v
		}
	}
	t.errors.Merge(&o.errors)
}

// gamma is ⟨z, y⟩/(s·⟨z, z⟩) of each column, 1 where z is zero.
func (t *tally) gamma() []float64 {
	g := make([]float64, len(t.zz))
	for j, zz := range t.zz {
		g[j] = 1
		if zz > 0 {
			g[j] = t.zy[j] / zz
		}
	}
	return g
}

// output is the sum of the outputs' squared errors in the metric of Σ.
func (t *tally) output(f *Factor) (sum float64) {
	for j, d := range f.pivots {
		if d > 0 {
			sum += float64(d*t.ee[j]) - float64(f.added[j]*t.rr[j])
		}
	}
	return max(sum, 0)
}

// panel is a worker's memory.
type panel struct {
	weights  []float32
	residual []float64 // R [panelRows, ld]
	y        []float64 // [panelRows, blockColumns]
	lost     []float64 // R of the block's columns, group after group as their turn comes: [panelRows, lostLead]
	decoded  []float32
	rounding kernel.Rounding
	integers []int32 // [panelRows, groupColumns], of a group
	outside  []byte  // [panelRows]: which of them are no codes
	escapes  []cdna.Escape
	tally    *tally
}

// run quantizes w, whose rows are all of a matrix or a sample. It compares them if their fidelity is wanted.
func (p *pass) run(ctx context.Context, w matrix.Source, fidelity bool) (*cdna.LatticeMatrix, *tally, error) {
	rows, n := w.Rows(), p.f.n
	m := &cdna.LatticeMatrix{Rows: rows, Cols: n, Codes: make([]byte, rows*n), ColumnScale: make([]float32, n)}
	for j, s := range p.stored {
		m.ColumnScale[j] = float32(s)
	}
	sum := newTally(n)
	panels := make([]*panel, p.threads)
	err := ordered.Do(ctx, p.threads, (rows+panelRows-1)/panelRows, func(worker, i int) error {
		if panels[worker] == nil {
			panels[worker] = p.newPanel()
		}
		a, b := i*panelRows, min((i+1)*panelRows, rows)
		q := panels[worker]
		if err := readRows(ctx, w, q.weights[:(b-a)*n], a, b); err != nil {
			return err
		}
		if err := p.quantize(ctx, q, m.Codes[a*n:b*n], a, b-a); err != nil {
			return err
		}
		if fidelity {
			q.addErrors(m.Codes[a*n:b*n], m.ColumnScale, a, b-a)
		}
		return nil
	}, func(worker, _ int) {
		sum.merge(panels[worker].tally)
		m.Escapes = append(m.Escapes, panels[worker].escapes...)
	})
	return m, sum, err
}

func (p *pass) newPanel() *panel {
	n := p.f.n
	return &panel{
		weights: make([]float32, panelRows*n), decoded: make([]float32, panelRows*n),
		residual: make([]float64, panelRows*p.lead()), y: make([]float64, panelRows*blockColumns), lost: make([]float64, panelRows*lostLead),
		integers: make([]int32, panelRows*groupColumns), outside: make([]byte, panelRows),
	}
}

// lead is the distance between rows of R, lostLead that of a block's: an odd number of cache lines, or all rows would want
// the same places of the cache.
func (p *pass) lead() int { return (p.f.n+7)/8*8 | 8 }

const lostLead = blockColumns | 8

// quantize writes the codes of a panel of rows, of which the first is row first of the matrix.
func (p *pass) quantize(ctx context.Context, q *panel, codes []byte, first, rows int) error {
	q.escapes, q.tally = q.escapes[:0], newTally(p.f.n)
	for i := range p.f.parts {
		if err := p.part(ctx, q, &p.f.parts[i], codes, first, rows); err != nil {
			return err
		}
	}
	slices.SortFunc(q.escapes, func(a, b cdna.Escape) int { return cmp.Compare(a.Position, b.Position) })
	return nil
}

// part writes the codes of a part's columns.
func (p *pass) part(ctx context.Context, q *panel, part *factored, codes []byte, first, rows int) error {
	n := p.f.n
	for hi := part.End; hi > part.Start; {
		lo := (hi - 1) / blockColumns * blockColumns
		for r := range rows {
			for j, v := range q.weights[r*n+lo : r*n+hi] {
				q.y[r*blockColumns+j] = float64(v)
			}
		}
		if hi < part.End { // what all blocks behind it have lost
			if err := p.add(ctx, q.y, q.residual[hi:], p.lead(), part.from(hi, lo), part.Len(), rows, hi-lo, part.End-hi); err != nil {
				return err
			}
		}
		if err := p.block(ctx, q, part, codes, first, rows, lo, hi); err != nil {
			return err
		}
		hi = lo
	}
	return nil
}

// block rounds the groups of columns [lo, hi), a block, and writes what they lose to R.
func (p *pass) block(ctx context.Context, q *panel, part *factored, codes []byte, first, rows, lo, hi int) error {
	for end := hi; end > lo; {
		start := groupOf(end)
		strip := start / stripColumns * stripColumns
		lost := q.lost[hi-end:]
		p.round(q, part, codes, lost, first, rows, lo, start, end)
		if err := p.add(ctx, q.y[strip-lo:], lost, lostLead, part.from(start, strip), part.Len(), rows, start-strip, end-start); err != nil {
			return err
		}
		for r := range rows {
			copy(q.residual[r*p.lead()+start:][:end-start], lost[r*lostLead:])
		}
		if before := strip - stripColumns; start == strip && strip > lo {
			if err := p.add(ctx, q.y[before-lo:], q.lost, lostLead, p.near[before/stripColumns], stripColumns, rows, stripColumns, hi-strip); err != nil {
				return err
			}
		}
		end = start
	}
	return nil
}

// add adds to y, rows by columns of a block, what k columns lost times the part of M that says so.
func (p *pass) add(ctx context.Context, y, lost []float64, ld int, m []float64, ldm, rows, columns, k int) error {
	if columns == 0 || k == 0 {
		return nil
	}
	return p.engine.MulAdd(ctx, y, blockColumns, lost, ld, m, ldm, rows, columns, k, linalg.Plus)
}

// begin has g round columns [start, end), a group.
func (p *pass) begin(g *kernel.Rounding, part *factored, start, end int) {
	g.ZZ, g.ZY, g.EE, g.RR = [groupColumns]float64{}, [groupColumns]float64{}, [groupColumns]float64{}, [groupColumns]float64{}
	for k := range end - start {
		j := start + k
		g.Inverse[k], g.Stored[k], g.Limit[k] = 1/p.step[j], p.stored[j], p.limit[j]
		for i := j + 1; i < end; i++ {
			g.Below[k][i-start] = part.from(i, j)[0]
		}
	}
}

// round rounds columns [start, end), a group, after they have got what those beyond it lost. The block begins at lo.
func (p *pass) round(q *panel, part *factored, codes []byte, lost []float64, first, rows, lo, start, end int) {
	g, n, width := &q.rounding, p.f.n, end-start
	p.begin(g, part, start, end)
	p.engine.kernels.Round64(g, &kernel.RoundRows{
		Count: rows, Y: q.y[start-lo:], W: q.weights[start:], Lost: lost, Codes: codes[start:],
		YStride: blockColumns, WStride: n, LostStride: lostLead, Integers: q.integers, Outside: q.outside,
	}, width)
	for r, outside := range q.outside[:rows] {
		for ; outside != 0; outside &= outside - 1 {
			k := bits.TrailingZeros8(outside)
			q.escapes = append(q.escapes, cdna.Escape{Position: uint64((first+r)*n + start + k), Value: q.integers[r*groupColumns+k]})
		}
	}
	copy(q.tally.zz[start:], g.ZZ[:width])
	copy(q.tally.zy[start:], g.ZY[:width])
	copy(q.tally.ee[start:], g.EE[:width])
	copy(q.tally.rr[start:], g.RR[:width])
}

// addErrors compares the rows with what a reader makes of their integers.
func (q *panel) addErrors(codes []byte, scale []float32, first, rows int) {
	n := len(scale)
	decoded := q.decoded[:rows*n]
	for r := range rows {
		for j, code := range codes[r*n:][:n] {
			decoded[r*n+j] = float32(int(code)-cdna.LatticeZero) * scale[j]
		}
	}
	for _, e := range q.escapes {
		i := int(e.Position) - first*n
		decoded[i] = float32(e.Value) * scale[i%n]
	}
	q.tally.errors.Add(q.weights[:rows*n], decoded)
}
