package openai

import "time"

// Timings says how long an answer took, as llama.cpp's server has it: of the prompt those tokens count that were read, not those whose keys and values were there already.
type Timings struct {
	Cached             int     `json:"cache_n"`
	Prompt             int     `json:"prompt_n"`
	PromptTime         float64 `json:"prompt_ms"`
	PromptPerToken     float64 `json:"prompt_per_token_ms"`
	PromptPerSecond    float64 `json:"prompt_per_second"`
	Predicted          int     `json:"predicted_n"`
	PredictedTime      float64 `json:"predicted_ms"`
	PredictedPerToken  float64 `json:"predicted_per_token_ms"`
	PredictedPerSecond float64 `json:"predicted_per_second"`
}

// NewTimings returns those of an answer with so many tokens, of whose prompt so many were there already.
func NewTimings(cached, prompt, predicted int, promptTime, predictedTime time.Duration) *Timings {
	t := &Timings{Cached: cached, Prompt: prompt - cached, Predicted: predicted}
	t.PromptTime, t.PromptPerToken, t.PromptPerSecond = rates(t.Prompt, promptTime)
	t.PredictedTime, t.PredictedPerToken, t.PredictedPerSecond = rates(t.Predicted, predictedTime)
	return t
}

// rates are a time in milliseconds, that of a token, and tokens a second; 0 where there are none, which JSON has no infinity for.
func rates(tokens int, d time.Duration) (all, each, rate float64) {
	all = float64(d) / float64(time.Millisecond)
	if tokens > 0 && d > 0 {
		each, rate = all/float64(tokens), float64(tokens)/d.Seconds()
	}
	return all, each, rate
}
