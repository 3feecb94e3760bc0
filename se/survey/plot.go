package survey

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/se/route"
)

// ErrPlot reports a file name that is neither .png nor .svg.
var ErrPlot = errors.New("a plot is a .png or .svg file")

const (
	width  = 12 * vg.Inch
	height = 5 * vg.Inch
)

// zoneColors are those of zones 1 to 4, told apart by most eyes (Okabe and Ito).
var zoneColors = [5]color.NRGBA{
	{A: 255}, {0x99, 0x99, 0x99, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff},
}

// CheckPlot tells whether path names a kind of plot, before work is spent on it.
func CheckPlot(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png", ".svg":
		return nil
	}
	return fmt.Errorf("%s: %w", path, ErrPlot)
}

// Plot draws the report to path, a .png or .svg file (ErrPlot): the plane of Se and structural
// coherence with the policy's zones, and Se from the first tensor to the last.
func (r *Report) Plot(path string) error {
	if err := CheckPlot(path); err != nil {
		return err
	}
	plane, err := r.plane()
	if err != nil {
		return err
	}
	layers, err := r.layers()
	if err != nil {
		return err
	}
	paint := func(c vg.CanvasSizer) {
		all := draw.New(c)
		half := (width - vg.Inch/4) / 2
		plane.Draw(draw.Crop(all, 0, half-width, 0, 0))
		layers.Draw(draw.Crop(all, width-half, 0, 0, 0))
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		if strings.EqualFold(filepath.Ext(path), ".svg") {
			c := vgsvg.New(width, height)
			paint(c)
			_, err := c.WriteTo(w)
			return err
		}
		c := vgimg.New(width, height)
		paint(c)
		_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
		return err
	})
}

// plane draws Se against C_struct.
func (r *Report) plane() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "Structural Entropy and coherence"
	p.X.Label.Text, p.Y.Label.Text = "Se = H·U·D", "C_struct"
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	for _, z := range []struct {
		zone           int
		x0, x1, y0, y1 float64
	}{
		{1, 0, r.Policy.Low, 0, 1}, {2, r.Policy.Low, r.Policy.High, 0, 1},
		{3, r.Policy.High, 1, 0, r.Policy.Coherent}, {4, r.Policy.High, 1, r.Policy.Coherent, 1},
	} {
		area, err := plotter.NewPolygon(plotter.XYs{{X: z.x0, Y: z.y0}, {X: z.x1, Y: z.y0}, {X: z.x1, Y: z.y1}, {X: z.x0, Y: z.y1}})
		if err != nil {
			return nil, err
		}
		pale := zoneColors[z.zone]
		pale.A = 0x30
		area.Color, area.LineStyle.Width = pale, 0
		p.Add(area)
	}
	return p, r.scatter(p, func(_ int, m *route.Result) plotter.XY { return plotter.XY{X: m.Se, Y: m.Structure} })
}

// layers draws Se in the model's order.
func (r *Report) layers() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "Structural Entropy by tensor"
	p.X.Label.Text, p.Y.Label.Text = "tensor, in the model's order", "Se"
	p.Y.Min, p.Y.Max = 0, 1
	p.X.Min, p.X.Max = 0, float64(max(1, len(r.Tensors)))
	for _, limit := range []float64{r.Policy.Low, r.Policy.High} {
		line, err := plotter.NewLine(plotter.XYs{{X: 0, Y: limit}, {X: p.X.Max, Y: limit}})
		if err != nil {
			return nil, err
		}
		line.Color, line.Dashes = color.Gray{0x80}, []vg.Length{4, 3}
		p.Add(line)
	}
	return p, r.scatter(p, func(i int, m *route.Result) plotter.XY { return plotter.XY{X: float64(i) + 0.5, Y: m.Se} })
}

// scatter adds the tensors, in the colours of their zones.
func (r *Report) scatter(p *plot.Plot, at func(i int, r *route.Result) plotter.XY) error {
	var zones [5]plotter.XYs
	for i, t := range r.Tensors {
		zone := t.Decision.Zone
		zones[zone] = append(zones[zone], at(i, t.Measured))
	}
	for zone, xys := range zones {
		if len(xys) == 0 {
			continue
		}
		s, err := plotter.NewScatter(xys)
		if err != nil {
			return err
		}
		s.GlyphStyle = draw.GlyphStyle{Color: zoneColors[zone], Radius: vg.Points(2.5), Shape: draw.CircleGlyph{}}
		p.Add(s)
		p.Legend.Add(fmt.Sprintf("zone %d", zone), s)
	}
	p.Legend.Top = true
	return nil
}
