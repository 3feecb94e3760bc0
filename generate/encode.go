package generate

import (
	"runtime"

	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// encodingCost returns about how many bytes of memory encoding a text takes, all scratch
// and the ids counted. Of a long text it is measured on samples.
func encodingCost(t *tokenizer.Tokenizer, text string) int64 {
	const (
		sample  = 16 << 10
		samples = 4
		usual   = 64 // bytes a byte, where pieces are words
	)
	n := len(text)
	if n <= 2*samples*sample {
		return usual * int64(n)
	}
	var worst uint64
	for i := range samples {
		at := (n - sample) / (samples - 1) * i
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		t.Encode(text[at:at+sample], false)
		runtime.ReadMemStats(&after)
		worst = max(worst, after.TotalAlloc-before.TotalAlloc)
	}
	return int64(n) * max(usual/4, int64(worst+worst/4)/sample)
}
