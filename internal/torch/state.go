package torch

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds how deep tensors lie in dictionaries and lists.
const maxDepth = 64

// wrappers are the keys under which checkpoints keep the state dictionary, tried
// in this order.
var wrappers = []string{"state_dict", "model_state_dict", "model", "module"}

// namer collects the tensors in a state dictionary by their names.
type namer struct {
	views map[string]*view
	// budget bounds the work, and the bytes of all names: a pickle can put one
	// list into itself many times over.
	budget int
}

// nameTensors names the tensors that a pickle of size bytes built.
func nameTensors(root any, size int) (map[string]*view, error) {
	if v, ok := root.(*view); ok {
		return map[string]*view{"tensor": v}, nil
	}
	n := &namer{views: map[string]*view{}, budget: 1<<20 + 16*size}
	err := n.unwrap(root, 0)
	return n.views, err
}

// unwrap names the tensors of the innermost state dictionary.
func (n *namer) unwrap(v any, depth int) error {
	d, _ := v.(*dict)
	if d == nil || depth > maxDepth {
		return n.walk(v, "", 0)
	}
	for _, w := range wrappers {
		i := slices.IndexFunc(d.pairs, func(p pair) bool { return p.key == any(w) })
		if i < 0 {
			continue
		}
		if inner, ok := d.pairs[i].value.(*dict); ok {
			if err := n.spend(len(d.pairs)); err != nil {
				return err
			}
			if err := n.unwrap(inner, depth+1); err != nil || len(n.views) > 0 {
				return err
			}
		}
	}
	return n.walk(v, "", 0)
}

func (n *namer) spend(work int) error {
	if n.budget -= work; n.budget < 0 {
		return fmt.Errorf("values contain themselves, or each other too often: %w", ErrPickle)
	}
	return nil
}

// walk names the tensors in v, whose own name is name.
func (n *namer) walk(v any, name string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("values more than %d deep: %w", maxDepth, ErrPickle)
	}
	if err := n.spend(1 + len(name)); err != nil {
		return err
	}
	switch v := v.(type) {
	case *view:
		if name == "" || !utf8.ValidString(name) || n.views[name] != nil {
			return fmt.Errorf("tensor name %q is taken, empty or no text: %w", name, ErrPickle)
		}
		n.views[name] = v
	case *dict:
		return n.walkPairs(v.pairs, name, depth)
	case *list:
		return n.walkItems(v.items, name, depth)
	case tuple:
		return n.walkItems(v, name, depth)
	}
	return nil
}

func (n *namer) walkPairs(pairs []pair, name string, depth int) error {
	if err := n.spend(len(pairs)); err != nil {
		return err
	}
	for _, p := range pairs {
		if !mayHold(p.value) {
			continue
		}
		key := "\xff" // no text: no tensor can be named by it
		switch k := p.key.(type) {
		case string:
			key = k
		case int64:
			key = strconv.FormatInt(k, 10)
		}
		if err := n.walk(p.value, join(name, key), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (n *namer) walkItems(items []any, name string, depth int) error {
	if err := n.spend(len(items)); err != nil {
		return err
	}
	for i, item := range items {
		if !mayHold(item) {
			continue
		}
		if err := n.walk(item, join(name, strconv.Itoa(i)), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// mayHold tells what is or may hold a tensor.
func mayHold(v any) bool {
	switch v.(type) {
	case *view, *dict, *list, tuple:
		return true
	}
	return false
}

func join(prefix, key string) string {
	switch "" {
	case prefix:
		return key
	case key:
		return prefix
	}
	return prefix + "." + key
}
