package tokenizer

import "fmt"

// vocabulary maps tokens to ids and back.
type vocabulary struct {
	ids    map[string]int32
	tokens []string // by id; "" where there is none
	size   int      // one more than the highest id
}

// maxID keeps a forged id from asking for all memory: a table of texts is as long as the highest id.
const maxID = 1 << 24

func newVocabulary(ids map[string]int32) (vocabulary, error) {
	v := vocabulary{ids: ids}
	for token, id := range ids {
		if id < 0 || int(id) >= min(maxID, 4*len(ids)+1<<16) {
			return v, fmt.Errorf("%w: token %q has id %d among %d tokens", ErrVocabulary, token, id, len(ids))
		}
		v.size = max(v.size, int(id)+1)
	}
	v.tokens = make([]string, v.size)
	for token, id := range ids {
		if old := v.tokens[id]; old == "" || token < old { // two tokens with one id: always the same one
			v.tokens[id] = token
		}
	}
	return v, nil
}

func (v *vocabulary) id(token string) (int, bool) {
	id, ok := v.ids[token]
	return int(id), ok
}

func (v *vocabulary) token(id int) (string, bool) {
	if id < 0 || id >= len(v.tokens) {
		return "", false
	}
	token := v.tokens[id]
	if token == "" {
		if empty, ok := v.ids[""]; !ok || int(empty) != id {
			return "", false
		}
	}
	return token, true
}

func (v *vocabulary) count() int { return len(v.ids) }
func (v *vocabulary) limit() int { return v.size }
