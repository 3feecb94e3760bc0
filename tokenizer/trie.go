package tokenizer

import "sort"

// trie maps texts to numbers and finds all texts that begin at a place.
type trie struct {
	root  [256]int32 // children of the root; 0: none
	nodes []trieNode // nodes[0] is unused
	label []byte     // label[i] leads to nodes[i] from its parent
}

// trieNode has its children next to each other, ordered by label.
type trieNode struct {
	first, count int32
	value        int32 // -1: no text ends here
}

// newTrie returns a trie of texts[i] -> values[i]. Empty texts are left out; of equal ones the first counts.
func newTrie(texts []string, values []int32) *trie {
	order := make([]int32, 0, len(texts))
	for i, text := range texts {
		if text != "" {
			order = append(order, int32(i))
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return texts[order[a]] < texts[order[b]] })
	type group struct{ lo, hi, depth, node int32 }
	t := &trie{nodes: []trieNode{{value: -1}}, label: []byte{0}}
	queue := []group{{0, int32(len(order)), 0, 0}}
	for len(queue) > 0 {
		g := queue[0]
		queue = queue[1:]
		lo := g.lo
		for lo < g.hi && len(texts[order[lo]]) == int(g.depth) { // they end here
			if t.nodes[g.node].value < 0 {
				t.nodes[g.node].value = values[order[lo]]
			}
			lo++
		}
		first := int32(len(t.nodes))
		for lo < g.hi {
			b := texts[order[lo]][g.depth]
			hi := lo + 1
			for hi < g.hi && texts[order[hi]][g.depth] == b {
				hi++
			}
			if g.node == 0 {
				t.root[b] = int32(len(t.nodes))
			}
			queue = append(queue, group{lo, hi, g.depth + 1, int32(len(t.nodes))})
			t.nodes = append(t.nodes, trieNode{value: -1})
			t.label = append(t.label, b)
			lo = hi
		}
		t.nodes[g.node].first, t.nodes[g.node].count = first, int32(len(t.nodes))-first
	}
	return t
}

// child returns the node that b leads to from node, or 0. The root is 0.
func (t *trie) child(node int32, b byte) int32 {
	if node == 0 {
		return t.root[b]
	}
	n := t.nodes[node]
	lo, hi := n.first, n.first+n.count
	for lo < hi {
		mid := (lo + hi) / 2
		if t.label[mid] < b {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < n.first+n.count && t.label[lo] == b {
		return lo
	}
	return 0
}

// longest returns the value and length of the longest text that s begins with, length 0 if there is none, and how many bytes it read.
func (t *trie) longest(s string) (value int32, length, walked int) {
	node := int32(0)
	for i := range len(s) {
		walked++
		if node = t.child(node, s[i]); node == 0 {
			break
		}
		if v := t.nodes[node].value; v >= 0 {
			value, length = v, i+1
		}
	}
	return value, length, walked
}
