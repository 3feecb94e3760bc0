package convert

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
	"github.com/helix-substrate/helix-substrate/model"
)

// plannedTensor is what is to become of a tensor.
type plannedTensor struct {
	*checkpoint.Tensor
	storage storage
	reason  string  // why it is kept exact, empty if it is compressed
	options Options // how it is compressed
	rate    bool    // an override fixes how near it comes,
	base    float64 // bits before they are spread
	lattice bool    // or names the method lattice, or the codec that only it has
	long    bool    // codebooks take the place of lattice, as no statistics are of inputs so long
	file    string  // in the model directory
	sidecar string
	sha256  string // of its bytes in the source, where others have said it
	damaged bool   // kept exact it was found to hold NaN or infinities
	// correction is what its drift asks for, while it is converted.
	correction *correction
	// parts are what other machines make it of, while it is converted; nil: it is made in one.
	parts *parts
	// sameAs is the tensor of the same bytes whose files this one shares.
	sameAs *plannedTensor
}

// planTensors decides for every tensor and gives it its files. covered tells which there are
// statistics for.
func planTensors(c *checkpoint.Checkpoint, tensors []*checkpoint.Tensor, job *Job, options Options, covered func(tensor string) bool) ([]*plannedTensor, error) {
	if len(tensors) == 0 {
		return nil, fmt.Errorf("%s: %w", job.Source, ErrNoTensors)
	}
	names := fileNames{}
	plan := make([]*plannedTensor, len(tensors))
	effects := make([]bool, len(job.Overrides))
	for i, t := range tensors {
		p := &plannedTensor{Tensor: t, options: options}
		p.reason = keepExact(t, p.override(job))
		for k := range job.Overrides {
			if o := &job.Overrides[k]; o.name.MatchString(t.Name) {
				effects[k] = effects[k] || p.effective(&o.Settings)
			}
		}
		if err := p.settle(job, covered(t.Name)); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if p.storage = p.options.Method.storage(); p.reason != "" {
			p.storage = exactly{}
		}
		var err error
		if p.file, p.sidecar, err = p.storage.files(t, names, c.Metadata() != nil); err != nil {
			return nil, fmt.Errorf("%s: %w", job.Source, err)
		}
		plan[i] = p
	}
	for k, o := range job.Overrides {
		switch {
		case !slices.ContainsFunc(tensors, func(t *checkpoint.Tensor) bool { return o.name.MatchString(t.Name) }):
			return nil, fmt.Errorf("%s: no tensor's name matches %q: %w", job.Source, o.name, ErrOption)
		case !effects[k]:
			return nil, fmt.Errorf("%s: %q has no effect: what it names is kept exact anyway, or later settings undo it: %w", job.Source, o.text, ErrOption)
		}
	}
	return plan, nil
}

// settle fills in what the tensor's options leave open: a matrix without statistics has
// codebooks, one with them a rate.
func (p *plannedTensor) settle(job *Job, covered bool) (err error) {
	o := &p.options
	if o.Method == Lattice && !covered {
		_, cols := model.MatrixShape(p.Shape)
		p.long = p.compress() && cols > calibrate.MaxInput
		switch {
		case p.lattice && p.long:
			return fmt.Errorf("method lattice: statistics are of at most %d inputs, it has %d: %w", calibrate.MaxInput, cols, ErrOption)
		case p.lattice && p.compress():
			return fmt.Errorf("method lattice: no statistics of a calibration are of its input: %w", ErrOption)
		}
		o.setMethod(Entropy)
	}
	if o.Method == Lattice && o.Bits == 0 {
		o.Bits = job.rateOf(p.Name)
	}
	if p.base = o.Bits; p.calibrated() && !p.rate {
		o.Bits = job.spreadRate(p.base, p.Name)
	}
	if *o, err = o.normalize(); err == nil && o.BlockRows == 0 {
		o.BlockRows = p.expertBlockRows()
	}
	return err
}

// expertBlockRows is how many rows a block has where it is to hold rows of one expert only, so that
// nobody reads another's with them; 0 where nothing near the usual number divides an expert's rows.
func (p *plannedTensor) expertBlockRows() int {
	if !arch.IsExperts(p.Name) || len(p.Shape) != 3 || p.Len() == 0 {
		return 0
	}
	rows, width := p.Shape[1], 1
	if p.options.Method == Lossless {
		width = p.Type.Size()
	}
	usual := cdna.AutoBlockRows(rows, p.Shape[2]*width)
	best := 0
	for n := usual/2 + 1; n <= min(2*usual, rows); n++ {
		if rows%n == 0 && (p.options.Method != Lattice || n%tiles.Rows == 0) && (best == 0 || abs(n-usual) < abs(best-usual)) {
			best = n
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// compress tells whether the tensor is compressed.
func (p *plannedTensor) compress() bool { return p.reason == "" }

// calibrated tells whether what becomes of the tensor depends on statistics.
func (p *plannedTensor) calibrated() bool { return p.compress() && p.options.Method == Lattice }

// noteOfLong names the matrices that have codebooks because their inputs are too long; empty if there are none.
func noteOfLong(plan []*plannedTensor) string {
	var names []string
	for _, p := range plan {
		if p.long {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("codebooks for matrices of more than %d inputs, which get no statistics: %s", calibrate.MaxInput, strings.Join(names, ", "))
}

// rowsOfBlock is how many rows a block of the matrix has.
func (p *plannedTensor) rowsOfBlock() int {
	rows, cols := model.MatrixShape(p.Shape)
	if p.options.BlockRows == 0 {
		return min(cdna.AutoBlockRows(rows, cols), rows)
	}
	return min(p.options.BlockRows, rows)
}

// rowsOfPart is what rows that are made by themselves are a multiple of: those of a block of the file.
func (p *plannedTensor) rowsOfPart() int {
	if rows, cols := model.MatrixShape(p.Shape); p.options.Method == Lossless && p.options.BlockRows == 0 {
		return cdna.AutoBlockRows(rows, cols*p.Type.Size())
	}
	return p.rowsOfBlock()
}

// keepExact says why a tensor is not compressed, empty if it is.
func keepExact(t *checkpoint.Tensor, asked string) string {
	switch {
	case len(t.Shape) < 2, isNorm(t):
		return "not a matrix"
	case t.Len() == 0:
		return "empty"
	case !t.IsFloat():
		return "not floating point"
	case arch.RoleOf(t.Name) == arch.Router:
		return "router"
	case arch.RoleOf(t.Name) == arch.Bias: // of all experts of a layer
		return "bias"
	case arch.RoleOf(t.Name) == arch.Filter:
		return "filter of a convolution"
	case arch.RoleOf(t.Name) == arch.State:
		return "of a recurrence"
	case arch.RoleOf(t.Name) == arch.Position:
		return "embeddings of positions or types"
	}
	return asked
}

// isNorm recognises a norm that is stored as [n, 1] or [1, n], or by heads or groups.
func isNorm(t *checkpoint.Tensor) bool {
	return len(t.Shape) == 2 && arch.RoleOf(t.Name) == arch.Norm && (slices.Min(t.Shape) == 1 || arch.IsHeadNorm(t.Name))
}

// shareFiles finds the head that repeats the embeddings byte for byte, as some
// checkpoints store them: it is converted once.
func shareFiles(ctx context.Context, plan []*plannedTensor) error {
	var embedding, head *plannedTensor
	for _, p := range plan {
		switch arch.RoleOf(p.Name) {
		case arch.Embedding:
			embedding = p
		case arch.Head:
			head = p
		}
	}
	if embedding == nil || head == nil || embedding.DType != head.DType || !slices.Equal(embedding.Shape, head.Shape) ||
		embedding.reason != head.reason || embedding.options.key() != head.options.key() {
		return nil
	}
	a, err := embedding.SHA256(ctx)
	if err != nil {
		return err
	}
	b, err := head.SHA256(ctx)
	if err == nil && a == b {
		head.sameAs = embedding
	}
	return err
}

// ConversionPlan says what a conversion would do.
type ConversionPlan struct {
	Source  string       `json:"source"`
	Bytes   int64        `json:"bytes"`
	Tensors []TensorPlan `json:"tensors"`
	// Calibration says what is calibrated first; nil if nothing is.
	Calibration *CalibrationPlan `json:"calibration,omitempty"`
	Notes       []string         `json:"-"` // what is to be known of the source, for people
}

// CalibrationPlan says how a conversion comes to the statistics of activations.
type CalibrationPlan struct {
	Measured   bool          `json:"measured"`             // they are there
	Statistics string        `json:"statistics,omitempty"` // the path that is named for them
	Text       string        `json:"text,omitempty"`       // the file; empty: the built-in text
	Tokens     int           `json:"tokens"`
	Layers     int           `json:"layers,omitempty"`
	Bytes      int64         `json:"bytes,omitempty"`   // of the statistics and of what waits between layers
	Time       time.Duration `json:"time_ns,omitempty"` // about
}

// TensorPlan says what would become of one tensor.
type TensorPlan struct {
	Name   string `json:"name"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	Bytes  int64  `json:"bytes"`
	Action string `json:"action"`
	File   string `json:"file"`
}

// Plan does what [Directory] does with job before the first tensor, with the same errors,
// and says what would become of the tensors. Nothing is left behind. It reads headers, and
// of weights what decides: embeddings and a head that may repeat them, and with a Size that
// is not spread at an equal rate all matrices.
func Plan(ctx context.Context, job Job) (*ConversionPlan, error) {
	c, err := begin(ctx, job, true)
	if err != nil {
		return nil, err
	}
	defer c.end()
	plan := &ConversionPlan{Source: job.Source, Bytes: c.src.Bytes(), Notes: c.report.Notes}
	if k := c.calibration; k != nil {
		w := &c.job.Calibration
		plan.Calibration = &CalibrationPlan{Measured: k.statistics != nil, Statistics: w.Statistics, Text: w.Text, Tokens: k.options.Tokens}
		if k.statistics == nil {
			p := plan.Calibration
			p.Layers, p.Bytes, p.Time = k.layers, k.bytes, k.time
		}
	}
	for _, t := range c.plan {
		action := "compress"
		switch {
		case t.sameAs != nil:
			action = "same as " + t.sameAs.Name
		case !t.compress():
			action = "keep exact (" + t.reason + ")"
		case t.calibrated():
			action = fmt.Sprintf("compress (lattice, %s)", c.job.plannedRate(t))
		}
		plan.Tensors = append(plan.Tensors, TensorPlan{
			Name: t.Name, DType: t.DType, Shape: t.Shape, Bytes: t.Size, Action: action, File: t.file,
		})
	}
	return plan, nil
}

// plannedRate tells the rate of a lattice matrix, as far as it is known before anything is tried.
func (j *Job) plannedRate(t *plannedTensor) string {
	bits := fmt.Sprintf("%g bits", math.Round(1000*t.options.Bits)/1000)
	switch {
	case t.rate:
	case j.KLD > 0:
		return bits + " first"
	case j.spreads():
		return "about " + bits
	}
	return bits
}
