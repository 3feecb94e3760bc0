package survey

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// canvas is what a plot is drawn on, in pixels from the upper left corner. Plots need no more than this; libraries for them
// bring fonts and formats along that every start of the program would read (7 MB).
type canvas interface {
	rectangle(x0, y0, x1, y1 float64, c color.NRGBA)
	// line is upright or level, of one pixel.
	line(x0, y0, x1, y1 float64, c color.NRGBA, dashed bool)
	disc(x, y, radius float64, c color.NRGBA)
	// text is of printable ASCII, on a base line at y, whose share before x is anchor: 0, 0.5 or 1.
	text(x, y, anchor float64, s string)
	encode(w io.Writer) error
}

const dash = 4 // of a dashed line, and of a gap

// vectors is a canvas that becomes an SVG document.
type vectors struct{ body bytes.Buffer }

func (v *vectors) rectangle(x0, y0, x1, y1 float64, c color.NRGBA) {
	fmt.Fprintf(&v.body, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" %s/>\n", x0, y0, x1-x0, y1-y0, paint("fill", c))
}

func (v *vectors) line(x0, y0, x1, y1 float64, c color.NRGBA, dashed bool) {
	style := ""
	if dashed {
		style = fmt.Sprintf(" stroke-dasharray=\"%d\"", dash)
	}
	fmt.Fprintf(&v.body, "<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\" %s%s/>\n", x0, y0, x1, y1, paint("stroke", c), style)
}

func (v *vectors) disc(x, y, radius float64, c color.NRGBA) {
	fmt.Fprintf(&v.body, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\" %s/>\n", x, y, radius, paint("fill", c))
}

func (v *vectors) text(x, y, anchor float64, s string) {
	fmt.Fprintf(&v.body, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\">%s</text>\n", x, y, [...]string{"start", "middle", "end"}[int(2*anchor)], s)
}

func (v *vectors) encode(w io.Writer) error {
	_, err := fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<!-- Structural Entropy -->\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %[1]d %[2]d\" font-family=\"sans-serif\" font-size=\"12\">\n%s</svg>\n",
		width, height, v.body.Bytes())
	return err
}

// paint is an attribute of a colour.
func paint(what string, c color.NRGBA) string {
	return fmt.Sprintf("%s=\"#%02x%02x%02x\" %[1]s-opacity=\"%.2[5]f\"", what, c.R, c.G, c.B, float64(c.A)/255)
}

// pixels is a canvas that becomes a PNG image.
type pixels struct{ *image.NRGBA }

func newPixels() pixels { return pixels{image.NewNRGBA(image.Rect(0, 0, width, height))} }

func (p pixels) rectangle(x0, y0, x1, y1 float64, c color.NRGBA) {
	at := func(v float64) int { return int(math.Round(v)) }
	draw.Draw(p, image.Rect(at(x0), at(y0), at(x1), at(y1)), image.NewUniform(c), image.Point{}, draw.Over)
}

func (p pixels) line(x0, y0, x1, y1 float64, c color.NRGBA, dashed bool) {
	if !dashed {
		p.rectangle(math.Floor(x0), math.Floor(y0), math.Floor(x1)+1, math.Floor(y1)+1, c)
		return
	}
	for x := x0; x < x1; x += 2 * dash {
		p.line(x, y0, min(x+dash, x1), y1, c, false)
	}
}

func (p pixels) disc(x, y, radius float64, c color.NRGBA) {
	for row := int(y - radius - 1); row <= int(y+radius+1); row++ {
		for column := int(x - radius - 1); column <= int(x+radius+1); column++ {
			// About how much of the pixel lies in the disc.
			covered := max(0, min(1, radius+0.5-math.Hypot(float64(column)+0.5-x, float64(row)+0.5-y)))
			dot := c
			dot.A = uint8(math.Round(covered * float64(c.A)))
			draw.Draw(p, image.Rect(column, row, column+1, row+1), image.NewUniform(dot), image.Point{}, draw.Over)
		}
	}
}

func (p pixels) text(x, y, anchor float64, s string) {
	d := font.Drawer{Dst: p, Src: image.NewUniform(black), Face: basicfont.Face7x13}
	d.Dot = fixed.P(int(math.Round(x-anchor*float64(d.MeasureString(s).Round()))), int(math.Round(y)))
	d.DrawString(s)
}

func (p pixels) encode(w io.Writer) error { return png.Encode(w, p) }
