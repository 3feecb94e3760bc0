package convert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/se/route"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// ErrItem reports an item of work, or what came of one, that cannot be what it says.
var ErrItem = errors.New("no such work")

// ErrSource reports a source whose weights are others than those of the machine that gives work.
var ErrSource = errors.New("the source is another")

// Item is the conversion of one tensor, by itself: with the source, and the statistics that it
// names, any machine makes the same files of it. Options are as the plan has decided them.
type Item struct {
	Key        string        `json:"key"` // a SHA-256 of all that follows: see Sum
	Tool       string        `json:"tool"`
	Tensor     string        `json:"tensor"`
	DType      string        `json:"dtype"`
	Shape      []int         `json:"shape"`
	Bytes      int64         `json:"bytes"`  // in the source; of rows those of them
	SHA256     string        `json:"sha256"` // of these
	Exact      bool          `json:"exact,omitempty"`
	Options    Options       `json:"options"`
	File       string        `json:"file"`
	Sidecar    string        `json:"sidecar,omitempty"`
	Policy     *route.Policy `json:"policy,omitempty"`     // of Structural Entropy, where that is measured
	Statistics string        `json:"statistics,omitempty"` // SHA-256 of the file, where they are needed
	Part       *Part         `json:"part,omitempty"`       // nil: all of the tensor
}

// Sum is what Key must be.
func (w Item) Sum() (string, error) {
	w.Key = ""
	text, err := json.Marshal(w)
	return checksum(text), err
}

// item describes the tensor's conversion for others. It reads the tensor once, whose content is part of the key.
func (c *conversion) item(ctx context.Context, t *plannedTensor) (Item, error) {
	sum, err := t.SHA256(ctx)
	if err != nil {
		return Item{}, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	w := c.itemOf(t, sum)
	w.Key, err = w.Sum()
	return w, err
}

// itemOf is the item of a tensor of that SHA-256, without its key.
func (c *conversion) itemOf(t *plannedTensor, sum string) Item {
	w := Item{
		Tool: fmt.Sprintf("%s %d", model.Tool, model.RootScheme), Tensor: t.Name, DType: t.DType, Shape: t.Shape, Bytes: t.Size, SHA256: sum,
		Exact: !t.compress(), Options: t.options, File: t.file, Sidecar: t.sidecar,
	}
	w.Options.Threads = 0 // each machine's own
	if c.job.Entropy {
		policy := c.policy()
		w.Policy = &policy
	}
	if t.calibrated() {
		w.Statistics = c.calibration.sum
	}
	return w
}

// check refuses an item that its key does not fit, of another version of the program, or whose files would be
// anything but a tensor's: ErrItem.
func (w *Item) check() error {
	sum, err := w.Sum()
	switch tool := fmt.Sprintf("%s %d", model.Tool, model.RootScheme); {
	case err != nil:
		return err
	case sum != w.Key:
		return fmt.Errorf("tensor %.80q: the key is another's: %w", w.Tensor, ErrItem)
	case w.Tool != tool:
		return fmt.Errorf("tensor %.80q: for %.80q, this is %s: %w", w.Tensor, w.Tool, tool, ErrItem)
	case !isTensorFile(w.File) || w.Sidecar != "" && (!isTensorFile(w.Sidecar) || w.Sidecar == w.File) || !place.IsSum(w.SHA256):
		return fmt.Errorf("tensor %.80q: file %.80q: %w", w.Tensor, w.File, ErrItem)
	}
	return nil
}

// Check refuses what cannot have come of the item: ErrItem. It does not look at files.
func (w *Item) Check(m *Made) error {
	if err := m.check(); err != nil {
		return err
	}
	e := &m.Entry
	if m.Key != w.Key || m.Name != w.Tensor || e.File != w.File || e.Sidecar != nil && e.Sidecar.File != w.Sidecar ||
		e.SourceSHA256 != w.SHA256 || e.OriginalBytes != w.Bytes || e.SourceDType != w.DType || e.Format != w.storage().format() ||
		m.Report.SourceBytes != w.Bytes || !slices.Equal(m.Report.Shape, w.Shape) {
		return fmt.Errorf("tensor %.80q: the result is of other work: %w", w.Tensor, ErrItem)
	}
	return w.checkPart(m.Part)
}

// storage is how the tensor is stored; the options have been checked.
func (w *Item) storage() storage {
	if w.Exact {
		return exactly{}
	}
	return w.Options.Method.storage()
}

// plan is what becomes of the tensor at the machine that makes it.
func (w *Item) plan(c *conversion) (*plannedTensor, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	options, err := w.Options.normalize()
	if err != nil {
		return nil, err
	}
	tensors := c.src.Tensors()
	i := slices.IndexFunc(tensors, func(t *checkpoint.Tensor) bool { return t.Name == w.Tensor })
	if i < 0 {
		return nil, fmt.Errorf("%s has no tensor %.80q: %w", c.job.Source, w.Tensor, ErrSource)
	}
	t := tensors[i]
	if t.DType != w.DType || !slices.Equal(t.Shape, w.Shape) || w.Part == nil && t.Size != w.Bytes {
		return nil, fmt.Errorf("%s: tensor %q is %s %v, not %.20q %v: %w", c.job.Source, t.Name, t.DType, t.Shape, w.DType, w.Shape, ErrSource)
	}
	options.Threads = c.options.Threads
	p := &plannedTensor{Tensor: t, options: options, storage: options.Method.storage(), file: w.File, sidecar: w.Sidecar, sha256: w.SHA256}
	if w.Exact {
		p.reason, p.storage = "as the plan says", exactly{}
	}
	if w.Part == nil {
		return p, nil
	}
	return p, w.Part.check(p, w)
}
