package tokenizer

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// mergeReadably is BPE as the books have it: look at all neighbours, join the best, start again. Merges whose stale queue entries
// would matter to the reference do not occur: each token here has one way to be made.
func mergeReadably(m *bpe, piece string) []int {
	var ids []int32
	for _, r := range piece {
		ids = append(ids, m.char(r))
	}
	for {
		best, at, id := uint32(math.MaxUint32), -1, int32(0)
		for i := 0; i+1 < len(ids); i++ {
			if e := m.merges.get(ids[i], ids[i+1]); e != nil && e.rank < best {
				best, at, id = e.rank, i, e.id
			}
		}
		if at < 0 {
			break
		}
		ids[at] = id
		ids = slices.Delete(ids, at+1, at+2)
	}
	var out []int
	for _, id := range ids {
		out = append(out, int(id))
	}
	return out
}

// TestBPE compares the queue, the seams and the cache with the readable way, on random merges of a small alphabet.
func TestBPE(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const alphabet = "abc▁d"
		ids := map[string]int32{}
		var tokens []string
		add := func(token string) {
			ids[token] = int32(len(tokens))
			tokens = append(tokens, token)
		}
		for _, r := range alphabet {
			add(string(r))
		}
		type pair struct{ left, right string }
		var merges []pair
		for range rapid.IntRange(0, 25).Draw(t, "merges") {
			left, right := rapid.SampledFrom(tokens).Draw(t, "left"), rapid.SampledFrom(tokens).Draw(t, "right")
			if _, ok := ids[left+right]; ok || len(left+right) > 12 {
				continue
			}
			add(left + right)
			merges = append(merges, pair{left, right})
		}
		v, err := newVocabulary(ids)
		if err != nil {
			t.Fatal(err)
		}
		m := newBPE(v)
		m.merges = newPairTable(len(merges))
		addMerge := m.merger()
		for i, k := range rapid.Permutation(merges).Draw(t, "ranks") {
			if err := addMerge(i, []byte(k.left), []byte(k.right)); err != nil {
				t.Fatal(err)
			}
		}
		m.findSeams()
		for range 3 {
			text := rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 1, 200, -1).Draw(t, "text")
			want := mergeReadably(m, text)
			var s scratch
			for range 2 {
				if got := m.tokenize(nil, text, &s); !slices.Equal(got, want) {
					t.Fatalf("%q with %v: got %v, want %v", text, merges, got, want)
				}
			}
		}
	})
}

// TestUnigram compares Viterbi's algorithm with trying all ways.
func TestUnigram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		longer := rapid.SliceOfNDistinct(rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 2, 4, -1), 1, 12, rapid.ID[string])
		tokens := append([]string{"a", "b", "c"}, longer.Draw(t, "tokens")...)
		scores := make([]float64, len(tokens))
		for i := range scores {
			scores[i] = -rapid.Float64Range(0.01, 9).Draw(t, "score")
		}
		m, err := newUnigram(tokens, scores, -1, false)
		if err != nil {
			t.Fatal(err)
		}
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 1, 9, -1).Draw(t, "text")
		var best func(s string) float64
		best = func(s string) float64 {
			if s == "" {
				return 0
			}
			top := math.Inf(-1)
			for i, token := range tokens {
				if rest, ok := strings.CutPrefix(s, token); ok {
					top = max(top, scores[i]+best(rest))
				}
			}
			return top
		}
		got, spelled := 0.0, ""
		for _, id := range m.tokenize(nil, text, &scratch{work: allowance(len(text))}) {
			got += scores[id]
			spelled += tokens[id]
		}
		if want := best(text); math.Abs(got-want) > 1e-9 || spelled != text {
			t.Fatalf("%q of %q: got %v for %q, want %v", text, tokens, got, spelled, want)
		}
	})
}

func TestUnigramTie(t *testing.T) {
	m, err := newUnigram([]string{"a", "aa"}, []float64{-1, -2}, -1, false)
	if err != nil {
		t.Fatal(err)
	}
	if ids := m.tokenize(nil, "aa", &scratch{work: allowance(2)}); !slices.Equal(ids, []int{1}) { // the first way found stays
		t.Errorf("got %v", ids)
	}
}
