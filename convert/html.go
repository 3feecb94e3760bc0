package convert

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/memory"
)

//go:embed report.html
var reportHTML string

// reportTemplate makes one page without scripts, fonts or anything from a network.
var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"size":    memory.FormatSize,
	"decimal": func(v float64, digits int) string { return fmt.Sprintf("%.*f", digits, v) },
}).Parse(reportHTML))

// page is what the report shows.
type page struct {
	*Report
	Worst  []bar // matrices by rising SNR
	Layers []bar // matrices in the order of their names
	Exact  []TensorReport
	Chart  *chart // of matrices whose output's error is known
}

// bar is a matrix and how long its bars are, in percent of the longest.
type bar struct {
	TensorReport
	SNR, OutputSNR  string
	Sensitivity     string // what it does to the predictions by itself, or with those of its kind near by
	SNRBar, BitsBar float64
}

// WriteHTML writes the report as a page to path: the totals, a bar for each
// matrix, the worst first, and every tensor's figures. The page needs no network.
func WriteHTML(path string, r *Report) error {
	p := page{Report: r}
	var bits, snr float64
	for _, t := range r.Tensors {
		if m := t.Matrix; m != nil {
			bits = max(bits, m.BitsPerWeight)
			if m.SNRdB != nil {
				snr = max(snr, *m.SNRdB)
			}
		}
	}
	sensitivity := map[string]string{}
	for _, probe := range r.Probes {
		for _, name := range probe.Tensors {
			sensitivity[name] = fmt.Sprintf("%.3g", probe.KLD)
		}
	}
	for _, t := range r.Tensors {
		m := t.Matrix
		if m == nil || t.SameAs != "" {
			p.Exact = append(p.Exact, t)
			continue
		}
		b := bar{TensorReport: t, SNR: "exact", SNRBar: 100, BitsBar: 100 * m.BitsPerWeight / max(bits, 1e-9)}
		if m.SNRdB != nil {
			b.SNR, b.SNRBar = fmt.Sprintf("%.2f dB", *m.SNRdB), 100*max(0, *m.SNRdB)/max(snr, 1e-9)
		}
		if m.OutputSNRdB != nil {
			b.OutputSNR = fmt.Sprintf("%.2f dB", *m.OutputSNRdB)
		}
		b.Sensitivity = sensitivity[t.Name]
		p.Layers = append(p.Layers, b)
	}
	p.Chart = newChart(p.Layers)
	p.Worst = slices.Clone(p.Layers)
	slices.SortStableFunc(p.Worst, func(a, b bar) int {
		switch {
		case a.Matrix.SNRdB == nil && b.Matrix.SNRdB == nil:
			return 0
		case a.Matrix.SNRdB == nil:
			return 1
		case b.Matrix.SNRdB == nil || *a.Matrix.SNRdB < *b.Matrix.SNRdB:
			return -1
		case *a.Matrix.SNRdB > *b.Matrix.SNRdB:
			return 1
		}
		return 0
	})
	return atomicfile.Write(path, func(w io.Writer) error { return reportTemplate.Execute(w, p) })
}
