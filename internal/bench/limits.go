package bench

import (
	"math"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// Limits is what the machine allows, with all threads.
type Limits struct {
	ReadGBs float64    `json:"read_gb_per_s"` // plain reading from memory
	Float   PeakResult `json:"float"`         // of the float canon
	Integer PeakResult `json:"integer"`       // of the integer canon
}

// PeakResult is how fast one kind of instruction multiplies and adds in registers; zero where there is no yardstick.
type PeakResult struct {
	Instruction string  `json:"instruction"`
	GPerSec     float64 `json:"g_multiply_adds_per_s"`
}

// measurePeaks measures the yardsticks of kernels, the best of some rounds.
func measurePeaks(k *kernel.Kernels, threads, rounds int) (float, integer PeakResult) {
	a, b := k.Peaks()
	return measurePeak(a, threads, rounds), measurePeak(b, threads, rounds)
}

func measurePeak(p kernel.Peak, threads, rounds int) PeakResult {
	if p.Run == nil {
		return PeakResult{}
	}
	const times = 4_000_000 // some ten milliseconds
	best := math.Inf(1)
	for range max(1, rounds) {
		start := time.Now()
		MatMul{Threads: threads}.split(threads, 1, func(int, int) { p.Run(times) })
		best = min(best, time.Since(start).Seconds())
	}
	return PeakResult{p.Instruction, float64(times) * float64(p.Each) * float64(threads) / best / 1e9}
}
