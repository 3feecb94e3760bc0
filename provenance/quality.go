package provenance

import (
	"maps"
	"slices"
	"strconv"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/helix-substrate/helix-substrate/model"
)

// metrics are what was measured of the model when it was converted: how far its predictions are from
// its source's, where that was held to a bound; the rate; and the worst of its matrices.
func metrics(m *model.Manifest) []cdx.MLPerformanceMetric {
	list := []cdx.MLPerformanceMetric{}
	add := func(kind string, value float64, slice string) {
		list = append(list, cdx.MLPerformanceMetric{Type: kind, Value: strconv.FormatFloat(value, 'g', -1, 64), Slice: slice})
	}
	if k := m.Certificate; k != nil {
		const slice = "text held out"
		add("mean KL divergence from the source, nats per token", k.MeanKLD, slice)
		add("99th percentile of KL divergence", k.P99KLD, slice)
		add("99.9th percentile of KL divergence", k.P999KLD, slice)
		add("share of tokens with the same most likely token", k.SameTop, slice)
	}
	var bits, weights float64
	var cosine, snr, output worst
	for _, name := range slices.Sorted(maps.Keys(m.Tensors)) {
		t := m.Tensors[name]
		if t.Fidelity == nil || t.SameAs != "" || len(t.CDNAShape) != 2 {
			continue
		}
		n := float64(t.CDNAShape[0]) * float64(t.CDNAShape[1])
		bits, weights = bits+float64(n*t.Fidelity.BitsPerWeight), weights+n
		cosine.take(name, &t.Fidelity.Cosine)
		snr.take(name, t.Fidelity.SNRdB)
		output.take(name, t.Fidelity.OutputSNRdB)
	}
	if weights > 0 {
		add("bits per weight of compressed matrices", bits/weights, "")
	}
	for _, w := range []struct {
		kind string
		of   worst
	}{{"lowest cosine of a matrix's weights", cosine}, {"lowest SNR of a matrix's weights, dB", snr}, {"lowest SNR of a matrix's products, dB", output}} {
		if w.of.name != "" {
			add(w.kind, w.of.value, w.of.name)
		}
	}
	return list
}

// worst is the tensor with the least value, the first by name of several.
type worst struct {
	name  string
	value float64
}

func (w *worst) take(name string, value *float64) {
	if value != nil && (w.name == "" || *value < w.value) {
		*w = worst{name, *value}
	}
}
