package survey

import (
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/se/route"
)

// report has a tensor in each zone.
func report() *Report {
	r := &Report{Policy: route.DefaultPolicy()}
	for zone, at := range [][2]float64{{0.1, 0.5}, {0.4, 0.5}, {0.9, 0.1}, {0.9, 0.9}} {
		t := Tensor{Measured: &route.Result{Se: at[0], Structure: at[1]}}
		t.Decision.Zone = zone + 1
		r.Tensors = append(r.Tensors, t)
	}
	return r
}

func TestPlotSVG(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.SVG")
	if err := report().Plot(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[string]int{}
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			seen[e.Name.Local]++
		}
	}
	if seen["circle"] != 2*(4+4) || seen["rect"] != 1+4 || seen["text"] < 20 { // tensors and legends; zones
		t.Errorf("%v", seen)
	}
}

func TestPlotPNG(t *testing.T) {
	r := report()
	path := filepath.Join(t.TempDir(), "p.png")
	if err := r.Plot(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size.X != width || size.Y != height {
		t.Fatal(size)
	}
	plane := &panel{left: 60, top: 60, right: width/2 - 30, bottom: height - 60, most: 1}
	for _, tensor := range r.Tensors {
		x, y := plane.at(tensor.Measured.Se, tensor.Measured.Structure)
		if got := color.NRGBAModel.Convert(img.At(int(x), int(y))); got != zoneColors[tensor.Decision.Zone] {
			t.Errorf("zone %d: %v", tensor.Decision.Zone, got)
		}
	}
	if got := color.NRGBAModel.Convert(img.At(2, 2)); got != white {
		t.Errorf("corner: %v", got)
	}
}

func TestCheckPlot(t *testing.T) {
	if err := report().Plot(filepath.Join(t.TempDir(), "p.gif")); !errors.Is(err, ErrPlot) {
		t.Error(err)
	}
}

func TestStep(t *testing.T) {
	for n, want := range map[int]float64{0: 1, 1: 1, 10: 1, 11: 2, 29: 5, 50: 5, 51: 10, 1000: 100, 1001: 200} {
		if got := step(n); got != want {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
}
