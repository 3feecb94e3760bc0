package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/legacy"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/transformer"
)

var (
	// ErrReplay is the outcome of a replay that came out differently.
	ErrReplay = errors.New("the replay differs")
	// ErrInput reports a replay that lacks something: see [InputError].
	ErrInput = errors.New("something to replay with is missing")
)

// InputError names what a replay lacks: the options' fields, in lower case.
type InputError struct {
	Inputs []string
	Reason string
}

func (e *InputError) Error() string { return strings.Join(e.Inputs, ", ") + ": " + e.Reason }

// Is tells that the error is ErrInput.
func (e *InputError) Is(target error) bool { return target == ErrInput }

// ReplayOptions say where what a receipt speaks of is, and how it is done again. What is
// empty is where the receipt says that it was, but for X.
type ReplayOptions struct {
	// Name is what errors call the receipt, such as its path.
	Name  string
	Model string // of a text, a forward pass or a layer; of a conversion, its output
	// X are the vectors of a product or a layer, a .npy file; W and Sidecar a product's
	// matrix and outliers; Source what was converted.
	X, W, Sidecar, Source string
	// Options say how a model is run. Threads, memory, chunk and CPU may differ from those
	// of the run: the hashes may not. Context, cache, canon and, if it is claimed, Verify are
	// the receipt's.
	Options transformer.Options
	// Note, if set, is told what a user should know, a line at a time.
	Note func(string)
	// Progress, if set, is told how far a conversion is.
	Progress func(done, total int64, tensor string)
}

// Replayed says what came out the same.
type Replayed struct {
	Operation string
	Turns     int // of a generated text
	Tokens    int // whose logits were compared
	Layer     int
	Files     int // of a conversion
	Took      time.Duration
}

// String says it in a line.
func (r *Replayed) String() string {
	switch r.Operation {
	case receipt.OpMatMul:
		return "the product has the same hash"
	case receipt.OpForward:
		return fmt.Sprintf("the logits of %s have the same hashes", counted(r.Tokens, "token"))
	case receipt.OpConvert:
		return fmt.Sprintf("the conversion gives the same %s", counted(r.Files, "file"))
	case receipt.OpGenerate:
		return fmt.Sprintf("%s and the logits of %s have the same hashes, in %.1f s", counted(r.Turns, "turn"), counted(r.Tokens, "token"), r.Took.Seconds())
	}
	return fmt.Sprintf("layer %d's output has the same hash", r.Layer)
}

// counted is so many of what noun is one of.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Replay does again what a receipt says and compares all that it claims: a generated text,
// a forward pass, a layer, a product or a conversion. Errors are ErrReplay, which names the
// first claim that came out differently; ErrInput; receipt.ErrSchema and receipt.ErrInvalid
// for receipts of which there is nothing to replay; and those of doing it.
func Replay(ctx context.Context, e *receipt.Execution, o ReplayOptions) (*Replayed, error) {
	start := time.Now()
	r := &replay{Execution: e, o: o, paths: map[string]string{}, done: Replayed{Operation: e.Operation()}}
	if e.Measurements != nil {
		r.paths = e.Measurements.Paths
	}
	again := r.generation
	switch r.done.Operation {
	case receipt.OpBlock, receipt.OpAttention, receipt.OpFFN:
		again = r.layer
	case receipt.OpForward:
		again = r.forward
	case receipt.OpMatMul:
		again = r.product
	case receipt.OpConvert:
		again = r.conversion
	}
	if err := again(ctx); err != nil {
		return nil, r.explain(err)
	}
	r.done.Took = time.Since(start)
	return &r.done, nil
}

// explain adds to an error what may be why another result came out.
func (r *replay) explain(err error) error {
	if v := r.canonVersion; v != 0 && v != transformer.CanonVersion && errors.Is(err, ErrReplay) {
		return fmt.Errorf("%w; it was computed by version %d of the canon, and this program has version %d", err, v, transformer.CanonVersion)
	}
	return err
}

// replay is a receipt that is being replayed.
type replay struct {
	*receipt.Execution
	o     ReplayOptions
	paths map[string]string // where things were
	done  Replayed

	canonVersion int // of the model's run, 0 where there was none
}

// errorf returns an error about the receipt.
func (r *replay) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{r.o.Name}, args...)...)
}

// claims reads the receipt's claims.
func (r *replay) claims(into any) error {
	if err := r.DecodeClaims(r.done.Operation, into); err != nil {
		return r.errorf("%w", err)
	}
	return nil
}

// verifyAs takes the policy of the receipt's claims, if they have one.
func (r *replay) verifyAs(claimed string) error {
	switch p := cdna.Policy(claimed); p {
	case "":
	case cdna.Off, cdna.Sampled:
		r.o.Options.Verify = p
	default:
		return r.errorf("verify %.20q: %w", claimed, receipt.ErrInvalid)
	}
	return nil
}

// same compares all that a replay came to with all that the receipt claims, and names
// the first difference in the order of the claims' names.
func (r *replay) same(again any) error {
	claims, err := receipt.CanonicalOf(again)
	if err != nil {
		return err
	}
	list, err := receipt.Differences(r.Claims, claims)
	if err != nil {
		return r.errorf("%w", err)
	}
	if len(list) > 0 {
		return r.errorf("%s is %s, the receipt says %s: %w", list[0].Path, receipt.Plain(list[0].B), receipt.Plain(list[0].A), ErrReplay)
	}
	return nil
}

// sameOperations compares the names and hashes of the receipt's first operations, which
// stand beside the claims, with those of the replay.
func (r *replay) sameOperations(again ...receipt.Operation) error {
	for i, want := range again {
		if i >= len(r.Operations) {
			return r.errorf("operation %d, %s, is not in the receipt: %w", i, want.Name, ErrReplay)
		}
		if got := r.Operations[i]; got.Name != want.Name || got.Proof != want.Proof {
			return r.errorf("operation %d is %s with output %s, the receipt says %.60q with %.70q: %w",
				i, want.Name, want.Proof.Output, got.Name, got.Proof.Output, ErrReplay)
		}
	}
	return nil
}

// product multiplies again and compares all that the receipt claims.
func (r *replay) product(ctx context.Context) error {
	var claims receipt.MatMulClaims
	if err := r.claims(&claims); err != nil {
		return err
	}
	r.o.Options.Verify = cdna.Always
	p, err := r.o.product(r.paths["w"], r.paths["sidecar"], claims.Transpose, claims.Sidecar != nil)
	if err != nil {
		return err
	}
	if err := r.verifyAs(claims.Verify); err != nil {
		return err
	}
	p.Verify = r.o.Options.Verify
	r.noteVerify()
	if err := r.computeAs(claims.Canon); err != nil {
		return err
	}
	p.Canon = r.o.Options.Canon
	p.Quality = stream.Quality{Mode: claims.Quality, MinCosine: float64(claims.MinCosine)}
	m, err := p.Run(ctx, r.o.Note)
	if err != nil {
		return err
	}
	again, err := p.Claims(ctx, m)
	if err != nil {
		return err
	}
	if err := r.same(again); err != nil {
		return err
	}
	return r.sameOperations(m.Receipt.Operation())
}

// product is the product that a receipt speaks of, with a sidecar or without; w and sidecar
// are where they were.
func (o *ReplayOptions) product(w, sidecar string, transpose, withSidecar bool) (*Product, error) {
	p := &Product{
		X: o.X, W: cmp.Or(o.W, w), Transpose: transpose, Verify: cdna.Always,
		Threads: o.Options.Threads, CPU: o.Options.CPU, Memory: o.Options.Memory,
	}
	if withSidecar {
		p.Sidecar = cmp.Or(o.Sidecar, sidecar)
	}
	switch {
	case p.X == "":
		return nil, &InputError{[]string{"x"}, "name the vectors of the product"}
	case p.W == "":
		return nil, &InputError{[]string{"w"}, "the receipt does not say where the matrix is"}
	case withSidecar && p.Sidecar == "":
		return nil, &InputError{[]string{"sidecar"}, "the receipt does not say where the sidecar is"}
	}
	return p, nil
}

// ReplayProduct multiplies again what a receipt in the original's schema says, and compares
// the hashes of X and Y, which is all that it has. Errors are those of [Replay].
func ReplayProduct(ctx context.Context, r *legacy.StreamXW, o ReplayOptions) (*Replayed, error) {
	start := time.Now()
	if len(r.Rows) > 0 {
		return nil, fmt.Errorf("%s: the product used rows %v only: %w", o.Name, r.Rows, receipt.ErrInvalid)
	}
	p, err := o.product(r.Path, r.SidecarPath, r.Transpose, r.SidecarApplied)
	if err != nil {
		return nil, err
	}
	if p.Canon, err = stream.ParseCanon(r.Kernel.Canon); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", o.Name, err, receipt.ErrInvalid)
	}
	m, err := p.Run(ctx, o.Note)
	if err != nil {
		return nil, err
	}
	again := m.Receipt
	if got, want := again.ComputeProof.InputSHA256, r.ComputeProof.InputSHA256; got != want {
		return nil, fmt.Errorf("%s: X has sha256 %s, the receipt says %s: %w", p.X, got, want, ErrReplay)
	}
	if got, want := again.ComputeProof.OutputSHA256, r.ComputeProof.OutputSHA256; got != want {
		return nil, fmt.Errorf("%s: Y has sha256 %s, the receipt says %s: %w", p.W, got, want, ErrReplay)
	}
	return &Replayed{Operation: receipt.OpMatMul, Took: time.Since(start)}, nil
}

// conversion compares the claims with the model directory's manifest, and makes every
// file again from the source.
func (r *replay) conversion(ctx context.Context) error {
	var claims receipt.ConvertClaims
	if err := r.claims(&claims); err != nil {
		return err
	}
	dir, source := cmp.Or(r.o.Model, r.paths["output"]), cmp.Or(r.o.Source, r.paths["source"])
	if dir == "" || source == "" {
		return &InputError{[]string{"model", "source"}, "the receipt does not say where they are"}
	}
	m, err := model.Open(dir)
	if err != nil {
		return err
	}
	if err := r.same(ConversionClaims(m.Manifest)); err != nil {
		return err
	}
	if err := m.CheckFiles(ctx); err != nil {
		return err
	}
	checks, err := convert.Rebuild(ctx, dir, convert.Job{Source: source, Options: convert.Options{Threads: r.o.Options.Threads}, Progress: r.o.Progress})
	if err != nil {
		return err
	}
	for _, k := range checks {
		if k.Err != nil {
			return r.errorf("%s: %w: %w", k.Name, ErrReplay, k.Err)
		}
	}
	r.done.Files = len(claims.Outputs)
	return nil
}
