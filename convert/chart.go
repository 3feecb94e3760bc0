package convert

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// The chart's size, and the room for its axes, in pixels.
const chartWidth, chartHeight, chartMargin = 760, 420, 48

// dBPerBit is what a bit a weight is worth.
const dBPerBit = 6.02

// chart shows where the matrices lie: their rates, and the ratio of what they put out to its error.
type chart struct {
	Width, Height int
	Points        []chartPoint
	// The rate–distortion curve: a straight line of 6.02 dB a bit through the median.
	X1, Y1, X2, Y2 float64
	Across, Up     []chartTick
}

type chartPoint struct {
	X, Y float64
	Text string
}

type chartTick struct {
	At   float64
	Text string
}

// newChart draws the matrices of which the output's error is known; nil where there are less than two.
func newChart(list []bar) *chart {
	var rates, ratios []float64
	var shown []bar
	for _, b := range list {
		if b.Matrix.OutputSNRdB != nil {
			shown = append(shown, b)
			rates, ratios = append(rates, b.Matrix.BitsPerWeight), append(ratios, *b.Matrix.OutputSNRdB)
		}
	}
	if len(shown) < 2 {
		return nil
	}
	x0, x1 := math.Floor(slices.Min(rates)), math.Floor(slices.Max(rates))+1
	y0, y1 := 6*math.Floor(slices.Min(ratios)/6), 6*math.Floor(slices.Max(ratios)/6)+6
	x := func(rate float64) float64 { return chartMargin + (rate-x0)/(x1-x0)*(chartWidth-2*chartMargin) }
	y := func(ratio float64) float64 {
		return chartHeight - chartMargin - (ratio-y0)/(y1-y0)*(chartHeight-2*chartMargin)
	}
	c := &chart{Width: chartWidth, Height: chartHeight}
	var above []float64 // of a line through 0
	for i, b := range shown {
		text := fmt.Sprintf("%s: %.3f bits, %.2f dB", b.Name, rates[i], ratios[i])
		if b.Sensitivity != "" {
			text += ", " + b.Sensitivity + " nats"
		}
		c.Points = append(c.Points, chartPoint{x(rates[i]), y(ratios[i]), text})
		above = append(above, ratios[i]-dBPerBit*rates[i])
	}
	slices.Sort(above)
	line := func(rate float64) float64 { return above[len(above)/2] + dBPerBit*rate }
	from, to := max(x0, x0+(y0-line(x0))/dBPerBit), min(x1, x1-(line(x1)-y1)/dBPerBit)
	c.X1, c.Y1, c.X2, c.Y2 = x(from), y(line(from)), x(to), y(line(to))
	for rate := x0; rate <= x1; rate++ {
		c.Across = append(c.Across, chartTick{x(rate), fmt.Sprint(rate)})
	}
	for ratio := y0; ratio <= y1; ratio += 6 {
		c.Up = append(c.Up, chartTick{y(ratio), fmt.Sprint(ratio)})
	}
	slices.SortStableFunc(c.Points, func(a, b chartPoint) int { return cmp.Compare(a.X, b.X) })
	return c
}
