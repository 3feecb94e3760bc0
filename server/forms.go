package server

import (
	"slices"
	"sync"

	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// formsKept is how many grammars a model keeps, with what their texts have found out of them: a client asks for the same again and again.
const formsKept = 2

// forms are the grammars that were asked for last. It is safe for concurrent use.
type forms struct {
	mu   sync.Mutex
	list []form // the last one first
}

type form struct {
	claim   receipt.Form
	grammar *grammar.Grammar
}

// of returns the grammar of a form, which is made where it is not kept.
func (f *forms) of(claim *receipt.Form, make func() (*grammar.Grammar, error)) (*grammar.Grammar, error) {
	if g := f.take(claim, nil); g != nil {
		return g, nil
	}
	g, err := make()
	if err != nil {
		return nil, err
	}
	return f.take(claim, g), nil
}

// take returns the grammar of a form and puts it first; where it is not kept, the one that was made.
func (f *forms) take(claim *receipt.Form, made *grammar.Grammar) *grammar.Grammar {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.list, func(o form) bool { return o.claim == *claim })
	one := form{*claim, made}
	switch {
	case i >= 0:
		one = f.list[i]
		f.list = slices.Delete(f.list, i, i+1)
	case made == nil:
		return nil
	}
	f.list = slices.Insert(f.list, 0, one)
	f.list = f.list[:min(len(f.list), formsKept)]
	return one.grammar
}
