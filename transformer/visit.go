package transformer

import (
	"context"
	"fmt"
)

// visit shows the states and the logits of those rows of which they are wanted. It tells
// what run does.
func (p *pass) visit(ctx context.Context, x []float32) (done bool, err error) {
	m, c := p.model, p.model.Config
	p.wanted = p.wanted[:0]
	for i, r := range p.rows {
		t := r.step
		if r.token < max(0, t.First) || t.Visit == nil && t.Hidden == nil {
			continue
		}
		state := p.normed[len(p.wanted)*c.Hidden:][:c.Hidden]
		if copy(state, x[i*c.Hidden:][:c.Hidden]); m.norm != nil {
			normOf(c, state, state, m.norm)
		}
		if t.Hidden != nil {
			if err := t.Hidden(r.token, state); err != nil {
				return true, err
			}
		}
		if t.Visit != nil {
			p.wanted = append(p.wanted, i)
		}
	}
	together := len(p.logits) / c.Vocab
	for at := 0; at < len(p.wanted); at += together {
		rows := p.wanted[at:min(at+together, len(p.wanted))]
		logits := p.logits[:len(rows)*c.Vocab]
		if err := m.engine.DotAll(ctx, p.normed[at*c.Hidden:][:len(rows)*c.Hidden], m.head.to(logits)); err != nil {
			return false, fmt.Errorf("output head: %w", err)
		}
		if err := m.softcap(ctx, &p.capping, logits); err != nil {
			return false, err
		}
		if err := p.show(rows, logits); err != nil {
			return true, err
		}
	}
	return true, nil
}

// show shows the logits of some rows.
func (p *pass) show(rows []int, logits []float32) error {
	p.firsts = p.firsts[:0]
	for i, r := range rows {
		if i == 0 || p.rows[r].step != p.rows[rows[i-1]].step {
			p.firsts = append(p.firsts, i)
		}
	}
	p.visiting = visiting{p.rows, rows, p.firsts, logits, p.model.Config.Vocab}
	// The rows are done, so every visitor is called, whatever has become of the context.
	return p.model.each(context.Background(), len(p.firsts), len(logits), &p.visiting)
}

// visiting shows logits, as a task: a part is what one step is shown, in order.
type visiting struct {
	rows           []row
	wanted, firsts []int // wanted are those of the rows that get logits, firsts where in wanted each step begins
	logits         []float32
	vocab          int
}

func (t *visiting) Do(_, i int) error {
	end := len(t.wanted)
	if i+1 < len(t.firsts) {
		end = t.firsts[i+1]
	}
	for at := t.firsts[i]; at < end; at++ {
		r := &t.rows[t.wanted[at]]
		if err := r.step.Visit(r.token, t.logits[at*t.vocab:][:t.vocab]); err != nil {
			return err
		}
	}
	return nil
}
