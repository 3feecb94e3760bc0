package generate

import "math"

// Bias changes logits before a token is drawn, as OpenAI's API has it. The zero value changes nothing.
type Bias struct {
	// Tokens has what is added to the logits of tokens, none below 0; those beyond the vocabulary do not matter. -100 excludes a token.
	Tokens map[int]float32
	// Presence is taken from the logit of every token that the text has, Frequency once for each time.
	Presence, Frequency float32
}

// Zero tells that nothing is changed.
func (b *Bias) Zero() bool { return len(b.Tokens) == 0 && b.Presence == 0 && b.Frequency == 0 }

// Adjust changes the logits that follow a text of the tokens drawn: Request.Adjust. Finite ones stay finite, but of tokens that
// are excluded. There is no error.
func (b *Bias) Adjust(drawn []int, logits []float32) error {
	add := func(id int, by float32) {
		if id < len(logits) {
			logits[id] = max(-math.MaxFloat32, min(logits[id]+by, math.MaxFloat32))
		}
	}
	for id, bias := range b.Tokens {
		if bias == -100 && id < len(logits) {
			logits[id] = float32(math.Inf(-1))
		} else {
			add(id, bias)
		}
	}
	if b.Presence == 0 && b.Frequency == 0 {
		return nil
	}
	times := map[int]int{}
	for _, id := range drawn {
		times[id]++
	}
	for id, n := range times {
		add(id, -b.Presence-float32(float32(n)*b.Frequency)) // not fused, which arm64 might
	}
	return nil
}
