package survey

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

// ErrPlot reports a file name that is neither .png nor .svg.
var ErrPlot = errors.New("a plot is a .png or .svg file")

const (
	width  = 1152
	height = 480
	radius = 3 // of a tensor's disc
)

var (
	black = color.NRGBA{A: 0xff}
	grey  = color.NRGBA{0x80, 0x80, 0x80, 0xff}
	white = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	// zoneColors are those of zones 1 to 4, told apart by most eyes (Okabe and Ito).
	zoneColors = [5]color.NRGBA{black, {0x99, 0x99, 0x99, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}}
)

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
	var c canvas = &vectors{}
	if strings.EqualFold(filepath.Ext(path), ".png") {
		c = newPixels()
	}
	c.rectangle(0, 0, width, height, white)
	const top, bottom = 60, height - 60
	r.drawPlane(&panel{c, 60, top, width/2 - 30, bottom, 1})
	r.drawLayers(&panel{c, width/2 + 60, top, width - 30, bottom, float64(max(1, len(r.Tensors)))})
	return atomicfile.Write(path, func(w io.Writer) error { return c.encode(w) })
}

// panel is a part of a canvas with axes: from 0 to most, and from 0 to 1.
type panel struct {
	canvas
	left, top, right, bottom float64 // in pixels
	most                     float64
}

// at is where a point lies; one beyond the axes at their end.
func (p *panel) at(x, y float64) (float64, float64) {
	x, y = max(0, min(1, x/p.most)), max(0, min(1, y))
	return p.left + x*(p.right-p.left), p.bottom - y*(p.bottom-p.top)
}

// axes draws the axes, marked in steps of stepX and of 0.2, and what they are.
func (p *panel) axes(title, nameX, nameY string, stepX float64) {
	p.line(p.left, p.bottom, p.right, p.bottom, black, false)
	p.line(p.left, p.top, p.left, p.bottom, black, false)
	for i := 0; float64(i)*stepX <= p.most*(1+1e-9); i++ {
		x, y := p.at(float64(i)*stepX, 0)
		p.line(x, y, x, y+4, black, false)
		p.text(x, y+18, 0.5, strconv.FormatFloat(float64(i)*stepX, 'g', 6, 64))
	}
	for i := range 6 {
		x, y := p.at(0, float64(i)/5)
		p.line(x-4, y, x, y, black, false)
		p.text(x-8, y+4, 1, strconv.FormatFloat(float64(i)/5, 'f', 1, 64))
	}
	p.text((p.left+p.right)/2, p.top-36, 0.5, title)
	p.text((p.left+p.right)/2, p.bottom+40, 0.5, nameX)
	p.text(p.left-8, p.top-14, 0.5, nameY)
	for zone := 1; zone <= 4; zone++ {
		x := p.right - float64(4-zone)*64
		p.text(x, p.top-14, 1, fmt.Sprintf("zone %d", zone))
		p.disc(x-50, p.top-18, radius, zoneColors[zone])
	}
}

// drawPlane draws Se against C_struct.
func (r *Report) drawPlane(p *panel) {
	for _, z := range []struct {
		zone           int
		x0, x1, y0, y1 float64
	}{
		{1, 0, r.Policy.Low, 0, 1}, {2, r.Policy.Low, r.Policy.High, 0, 1},
		{3, r.Policy.High, 1, 0, r.Policy.Coherent}, {4, r.Policy.High, 1, r.Policy.Coherent, 1},
	} {
		pale := zoneColors[z.zone]
		pale.A = 0x30
		left, top := p.at(z.x0, z.y1)
		right, bottom := p.at(z.x1, z.y0)
		p.rectangle(left, top, right, bottom, pale)
	}
	p.axes("Structural Entropy and coherence", "Se = H U D", "C_struct", 0.2)
	for _, t := range r.Tensors {
		x, y := p.at(t.Measured.Se, t.Measured.Structure)
		p.disc(x, y, radius, zoneColors[t.Decision.Zone])
	}
}

// drawLayers draws Se in the model's order.
func (r *Report) drawLayers(p *panel) {
	for _, limit := range []float64{r.Policy.Low, r.Policy.High} {
		x0, y := p.at(0, limit)
		x1, _ := p.at(p.most, limit)
		p.line(x0, y, x1, y, grey, true)
	}
	p.axes("Structural Entropy by tensor", "tensor, in the model's order", "Se", step(len(r.Tensors)))
	for i, t := range r.Tensors {
		x, y := p.at(float64(i)+0.5, t.Measured.Se)
		p.disc(x, y, radius, zoneColors[t.Decision.Zone])
	}
}

// step is 1, 2 or 5, or ten times as much and so on: n has ten such steps at most.
func step(n int) float64 {
	for unit := 1.0; ; unit *= 10 {
		for _, step := range []float64{1, 2, 5} {
			if step*unit*10 >= float64(n) {
				return step * unit
			}
		}
	}
}
