package helix

import (
	"context"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/record"
)

// startReceipt starts the receipt of what a generator makes; nil if none is asked for.
func (m *Model) startReceipt(ctx context.Context, o *GenerateOptions, g *generate.Generator) (*record.Generation, error) {
	if !o.Receipt {
		return nil, nil
	}
	of, err := m.fingerprint(ctx)
	if err != nil {
		return nil, err
	}
	return record.NewGeneration(m.model, m.options, of, record.GenerationOptions{
		Sampling: o.sampling(), N: m.most(o), StopIDs: g.StopIDs(), StopTexts: o.Stop, Version: Version, Path: m.at.Name,
	}), nil
}

// fingerprint tells which model it is, for receipts.
func (m *Model) fingerprint(ctx context.Context) (*record.Model, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		of, err := record.FingerprintAt(ctx, m.at, m.options.Verify)
		if err != nil {
			return nil, err
		}
		m.of = of
	}
	return m.of, nil
}

// recorded runs a generator and notes what it did as the receipt's next turn. Of the sequence
// ids the session holds kept, but the receipt claims what its own turns have left: a session
// may know more, from others, or less.
func recorded(turns *record.Generation, g *generate.Generator, ids []int, kept int, run func() (*generate.Result, error)) (result *generate.Result, err error) {
	if turns == nil {
		return run()
	}
	keep := turns.Claims.Continue(ids)
	_, err = turns.Run(g, func() (*generate.Result, error) {
		result, err = run()
		noted := *result
		noted.PromptIDs = ids[keep:max(keep, kept+len(result.PromptIDs))]
		return &noted, err
	})
	return result, err
}
