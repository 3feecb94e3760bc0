package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/calibrate/text"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/lattice"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// DefaultCalibrationTokens is how many tokens of a text of the user's are taken unless a number
// is given; of the built-in text, calibrate.DefaultTokens says it.
const DefaultCalibrationTokens = 131072

// maxText bounds a text to calibrate with: more than a hundred times as many bytes as the default
// number of tokens has.
const maxText = 64 << 20

// Calibration says by what text a model's activations are measured, before its matrices are
// stored by the method [Lattice]. The zero value takes the built-in text.
type Calibration struct {
	// Off leaves it out: matrices have codebooks.
	Off bool
	// Text is the path of a text in UTF-8; empty: the one that is built in.
	Text string
	// Tokens bounds how much of the text is taken; 0: DefaultCalibrationTokens of a text that
	// is named, of the built-in one as many as the model's size asks for.
	Tokens int
	// Statistics is the path of a statistics file (package calibrate): one that is there is
	// taken, and refused if it is of another model or text; else what is measured is kept there.
	Statistics string
	// Progress, if not nil, is called while a calibration runs.
	Progress func(CalibrationProgress)
}

// CalibrationProgress says how far a calibration is.
type CalibrationProgress = calibrate.Progress

// Errors of calibrations, of package calibrate.
var (
	// ErrText reports a text that says nothing about a model.
	ErrText = calibrate.ErrText
	// ErrStatistics reports a file that is no statistics, or damaged; ErrStatisticsOf one of another model.
	ErrStatistics   = calibrate.ErrStatistics
	ErrStatisticsOf = calibrate.ErrSource
	// ErrOverflow reports a model whose activations on the text are no finite numbers.
	ErrOverflow = calibrate.ErrOverflow
)

// asked tells whether a calibration is wanted expressly.
func (c *Calibration) asked() bool { return c.Text != "" || c.Tokens != 0 || c.Statistics != "" }

// calibrated says, for the manifest, what the statistics come from.
type calibrated struct {
	Text       string `json:"text"`   // its SHA-256, as statistics have it; of the built-in one, text.Name
	Tokens     int    `json:"tokens"` // of whole windows
	Context    int    `json:"context"`
	Statistics string `json:"statistics_sha256"`
}

// checkCalibration refuses settings that make no sense with the job's method.
func (j *Job) checkCalibration(method Method) error {
	c, lattice := &j.Calibration, j.usesLattice(method)
	switch {
	case c.Off && c.asked():
		return fmt.Errorf("no-calibrate excludes a text, tokens and statistics of a calibration: %w", ErrOption)
	case c.Off && lattice:
		return fmt.Errorf("the method lattice needs a calibration: %w", ErrOption)
	case j.KLD > 0 && !lattice:
		return fmt.Errorf("kld needs a calibration, and the method lattice: %w", ErrOption)
	case j.spreads() && !lattice:
		return fmt.Errorf("allocate divergence needs a calibration, and the method lattice: %w", ErrOption)
	case j.CorrectDrift && !lattice:
		return fmt.Errorf("correct-drift needs a calibration, and the method lattice: leave that out, or what excludes them: %w", ErrOption)
	case c.asked() && !lattice:
		return fmt.Errorf("a calibration is of use to the method lattice, not %s: %w", method, ErrOption)
	}
	if err := (calibrate.Options{Tokens: c.Tokens}).Check(); err != nil {
		return fmt.Errorf("calibrate-tokens: %d are not in %d..%d: %w", c.Tokens, calibrate.MinTokens, calibrate.MaxTokens, ErrOption)
	}
	return nil
}

// mustCalibrate tells whether a checkpoint that cannot be calibrated is refused.
func (j *Job) mustCalibrate() bool {
	return j.Calibration.asked() || j.Options.InMemory || onlyOfLattice(j.Options.Codec) || j.KLD > 0 || j.CorrectDrift || j.spreads() && !j.usual || j.calibrated != nil || j.usesLattice(j.Options.Method)
}

// calibration is what a conversion knows of its statistics.
type calibration struct {
	options    calibrate.Options
	text       string // SHA-256, as statistics have it
	layers     int
	time       time.Duration   // about
	covered    map[string]bool // the tensors whose input is measured
	bytes      int64           // of the file to be, and of what waits between layers
	statistics *calibrate.Statistics
	sum        string // SHA-256 of the statistics' file
}

// close closes the statistics.
func (k *calibration) close() {
	if k != nil && k.statistics != nil {
		k.statistics.Close()
		k.statistics = nil
	}
}

// covers tells whether there are, or will be, statistics of a tensor's input.
func (k *calibration) covers(tensor string) bool { return k != nil && k.covered[tensor] }

func (k *calibration) cover(tensors []string) {
	for _, name := range tensors {
		k.covered[name] = true
	}
}

// planCalibration finds out whether the source can be calibrated, if the job wants that: by
// statistics that are there, or because it can run. A source that cannot, and of which nothing of
// the kind is wanted expressly, is converted without; a note says so.
func (c *conversion) planCalibration(ctx context.Context, limit memory.Limit) error {
	if !c.job.usesLattice(c.options.Method) {
		return nil
	}
	if c.job.unfit != nil {
		return c.withoutCalibration(fmt.Sprintf("converted without %v", c.job.unfit))
	}
	k := &calibration{text: text.SHA256, covered: map[string]bool{}}
	err := c.planText(k, limit)
	if err == nil {
		err = c.findStatistics(ctx, k)
	}
	if err == nil && k.statistics == nil {
		err = c.planLayers(ctx, k)
	}
	if err == nil {
		c.calibration = k
		return nil
	}
	k.close()
	if c.job.mustCalibrate() || !cannotRun(err) {
		if c.job.CorrectDrift {
			return fmt.Errorf("cannot be calibrated, as correct-drift needs; leave that out: %w", err)
		}
		return fmt.Errorf("cannot be calibrated: %w", err)
	}
	return c.withoutCalibration(fmt.Sprintf("converted without calibration: %v", err))
}

// withoutCalibration has matrices become codebooks, as a note says.
func (c *conversion) withoutCalibration(note string) (err error) {
	c.report.Notes = append(c.report.Notes, note)
	c.job.Options.Method, c.job.latticeBits, c.job.headBits = Entropy, 0, 0
	c.job.dropUsual()
	c.options, err = c.job.normalize()
	return err
}

// cannotRun tells whether an error is what a checkpoint itself has it be, every time: it is no language model that is
// known, its layers do not run one by one, or it has no tokenizer that is known. Whatever else happens while it is opened, such as the end of a connection, ends the
// conversion, whose bytes would depend on it.
func cannotRun(err error) bool {
	return slices.ContainsFunc([]error{
		arch.ErrArchitecture, arch.ErrConfig, arch.ErrWeights, transformer.ErrLayer,
		generate.ErrNoTokenizer, tokenizer.ErrFormat, tokenizer.ErrUnsupported, tokenizer.ErrVocabulary, tokenizer.ErrTooLarge, tokenizer.ErrLimit,
		checkpoint.ErrNoKey, checkpoint.ErrKind, checkpoint.ErrNotRegular, checkpoint.ErrTooLarge, checkpoint.ErrLFSPointer,
		fs.ErrNotExist, // config.json
	}, func(e error) bool { return errors.Is(err, e) })
}

// isUnfit tells whether err, of a calibration that nobody has asked for, says that the source cannot
// be calibrated: its activations overflow, its vocabulary lacks tokens of its tokenizer, or its
// windows are too short for a text.
func (c *conversion) isUnfit(err error) bool {
	return !c.job.mustCalibrate() && (errors.Is(err, ErrOverflow) || errors.Is(err, transformer.ErrToken) || errors.Is(err, ErrText))
}

// planText reads the text that is given.
func (c *conversion) planText(k *calibration, limit memory.Limit) error {
	w := &c.job.Calibration
	k.options = calibrate.Options{Tokens: w.Tokens, Threads: c.options.Threads, Memory: limit.Bytes, Progress: w.Progress}
	if w.Text != "" {
		b, err := regularfile.ReadAll(w.Text, maxText)
		if err != nil {
			return err
		}
		k.options.Text = []text.Section{{Text: string(b)}}
		k.text = text.Sum(k.options.Text)
	}
	if want := c.job.calibrated; want != nil {
		k.options.Tokens = want.Tokens
	} else if k.options.Tokens == 0 && k.options.Text != nil {
		k.options.Tokens = DefaultCalibrationTokens
	}
	return nil
}

// findStatistics opens the statistics that the job names, if they are there.
func (c *conversion) findStatistics(ctx context.Context, k *calibration) error {
	path := c.job.Calibration.Statistics
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := k.openOf(ctx, c.src, path); err != nil {
		return err
	}
	s := k.statistics
	if k.options.Text != nil && k.text != s.Text {
		return fmt.Errorf("%s: statistics of another text than %s; name another file to have that measured: %w", path, c.job.Calibration.Text, ErrOption)
	}
	n := s.Windows * s.Context
	if wanted := c.job.Calibration.Tokens; wanted > 0 && wanted/s.Context != s.Windows {
		// A text that has fewer tokens than are wanted is used whole.
		if windows, err := calibrate.Windows(ctx, c.src.Location(), k.options); err != nil {
			return err
		} else if windows != s.Windows || k.text != s.Text {
			return fmt.Errorf("%s: statistics of %d tokens, not %d; name another file to have these measured: %w", path, n, wanted, ErrOption)
		}
	}
	k.options.Tokens = n
	return nil
}

// openOf opens statistics and refuses those of another model than a source.
func (k *calibration) openOf(ctx context.Context, src *checkpoint.Checkpoint, path string) error {
	if err := k.open(ctx, path); err != nil {
		return err
	}
	if err := k.statistics.Check(ctx, src.Location()); err != nil {
		return err
	}
	has := map[string]bool{}
	for _, t := range src.Tensors() {
		has[t.Name] = true
	}
	for _, in := range k.statistics.Inputs() {
		for _, name := range in.Tensors {
			if !has[name] {
				return fmt.Errorf("%s: statistics of tensor %.80q, which the model has not: %w", path, name, ErrStatistics)
			}
		}
	}
	return nil
}

// open opens statistics.
func (k *calibration) open(ctx context.Context, path string) error {
	s, err := calibrate.Open(ctx, path)
	if err != nil {
		return err
	}
	k.statistics = s
	for _, in := range s.Inputs() {
		k.cover(in.Tensors)
	}
	k.sum, _, err = model.HashFile(ctx, path)
	return err
}

// planLayers looks at what a calibration would run: headers, the configuration and the tokenizer.
func (c *conversion) planLayers(ctx context.Context, k *calibration) error {
	at := c.src.Location()
	layers, err := transformer.OpenLayers(ctx, at, transformer.LayersOptions{Threads: c.options.Threads})
	if err != nil {
		return err
	}
	defer layers.Close()
	if _, err := generate.OpenTokenizerAt(ctx, at, ""); err != nil {
		return err
	}
	k.layers = layers.Config.Layers
	k.time = calibrate.Estimate(layers, k.options.Tokens)
	for l := range k.layers + 1 { // the last is the output head
		for _, in := range layers.Inputs(l) {
			if in.Len <= calibrate.MaxInput {
				k.cover(in.Tensors)
				k.bytes += 4 * int64(lattice.GramLen(in.Len))
			}
		}
	}
	if k.options.Tokens == 0 {
		k.options.Tokens = calibrate.DefaultTokens(layers.Parameters())
	}
	k.bytes += 2 * 4 * int64(k.options.Tokens) * int64(layers.Width())
	if c.job.CorrectDrift {
		k.time += driftTime * k.time
		k.bytes += driftBytes(layers, k.options.Tokens)
	}
	if want := c.job.calibrated; want != nil && want.Text != textName(k.text) {
		return fmt.Errorf("it was calibrated with the text %s, not %s; name that text, or its statistics: %w", want.Text, textName(k.text), ErrRebuild)
	}
	return nil
}

// needCalibration gives up what no tensor makes use of.
func (c *conversion) needCalibration() error {
	if c.calibration == nil || slices.ContainsFunc(c.plan, (*plannedTensor).calibrated) {
		return nil
	}
	c.calibration.close()
	c.calibration = nil
	c.job.dropUsual()
	if c.job.Calibration.asked() || c.job.KLD > 0 || c.job.CorrectDrift || c.job.spreads() {
		return fmt.Errorf("%s: no tensor makes use of a calibration: %w", c.job.Source, ErrOption)
	}
	return nil
}

// calibrationName and statisticsName are what the directory of what waits between layers and,
// with what they are of, the statistics are called in a workplace.
const (
	calibrationName = "calibration"
	statisticsName  = "statistics"
)

// statisticsPath is where the statistics are, or will be; of the conversion's own, the name says
// by what text and version of the program.
func (c *conversion) statisticsPath() string {
	if path := c.job.Calibration.Statistics; path != "" {
		return path
	}
	k := c.calibration
	return c.stage(fmt.Sprintf(statisticsName+".%.16s", checksum(fmt.Appendf(nil, "%s %s %d", model.Tool, k.text, k.options.Tokens))))
}

// takeStatistics opens what an earlier run has measured, if it is there, and adds to keep what is of use
// in the workplace.
func (c *conversion) takeStatistics(ctx context.Context, keep map[string]bool) error {
	k := c.calibration
	if k == nil {
		return nil
	}
	path := c.statisticsPath()
	if _, err := os.Lstat(path); k.statistics == nil && err == nil && c.job.Calibration.Statistics == "" {
		if err := k.openOf(ctx, c.src, path); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil { // of a source that has changed since
			k.close()
			return nil
		}
	}
	keep[filepath.Base(path)] = k.statistics != nil
	keep[filepath.Base(c.stage(calibrationName))] = k.statistics == nil || c.job.CorrectDrift
	return c.noteStatistics()
}

// calibrate measures the statistics, unless they are there.
func (c *conversion) calibrate(ctx context.Context) error {
	k := c.calibration
	if k == nil || k.statistics != nil {
		return c.noteStatistics()
	}
	o, path := k.options, c.statisticsPath()
	o.Work = c.stage(calibrationName)
	var notes []string
	o.Progress = func(p calibrate.Progress) {
		notes = p.Notes
		if k.options.Progress != nil {
			k.options.Progress(p)
		}
	}
	defer c.keepLimit()
	if err := calibrate.Run(ctx, c.src.Location(), path, o); err != nil {
		return fmt.Errorf("calibration with %s: %w", cmp.Or(c.job.Calibration.Text, "the built-in text"), err)
	}
	c.report.Notes = append(c.report.Notes, notes...)
	if err := k.open(ctx, path); err != nil {
		return err
	}
	return c.noteStatistics()
}

// keepLimit has the collector keep the conversion's limit again, after layers have run within a plan of their own.
func (c *conversion) keepLimit() { c.limit.Begin()() }

// noteStatistics says, for the manifest, what the statistics come from, or refuses those that are
// not what a manifest says.
func (c *conversion) noteStatistics() error {
	k := c.calibration
	if k == nil || k.statistics == nil {
		return nil
	}
	s, want := k.statistics, c.job.calibrated
	got := &calibrated{Text: textName(s.Text), Tokens: s.Windows * s.Context, Context: s.Context, Statistics: k.sum}
	switch {
	case want == nil:
		c.job.calibrated = got
	case got.Text != want.Text:
		return fmt.Errorf("%s: statistics of the text %s, the manifest says %s: %w", c.job.Source, got.Text, want.Text, ErrRebuild)
	case got.Statistics != want.Statistics:
		return fmt.Errorf("%s: statistics of SHA-256 %s, the manifest says %s: %w", c.job.Source, got.Statistics, want.Statistics, ErrRebuild)
	}
	return nil
}

// textName is what a manifest calls the text of a SHA-256.
func textName(sum string) string {
	if sum == text.SHA256 {
		return text.Name
	}
	return sum
}

// threadsOfLattice is how many threads quantize one matrix: those that are left over where few
// go at once.
func (c *conversion) threadsOfLattice() int { return max(1, c.options.Threads/c.workers) }
