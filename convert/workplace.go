package convert

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/filelock"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/model"
)

// workplace is where a conversion builds its directory: .BASE.partial beside the
// output, with a journal of what is done. A conversion that ended early, by an error
// or with its process, is taken up there again.
//
// Nothing is removed or replaced there that the journal does not prove to be the
// conversion's own. A file is written under a name that has the journal's random
// identity in it, noted in the journal, and only then given its name. All else in the
// directory is somebody's: the conversion leaves it alone and refuses to go on.
type workplace struct {
	dir    string // where files are written
	output string
	lock   *filelock.Lock

	mu      sync.Mutex // guards what follows
	journal *journal
	file    *os.File // the journal's
}

// Unfinished is where a conversion to output is built, until it is complete.
func Unfinished(output string) string {
	parent, base := filepath.Split(output)
	return filepath.Join(parent, "."+base+".partial")
}

// reserveWorkplace keeps other conversions to output out. It makes nothing but a lock.
// Errors: ErrExists, ErrBusy, ErrForeign.
func reserveWorkplace(output string) (w *workplace, err error) {
	if output, err = filepath.Abs(output); err != nil {
		return nil, err
	}
	parent, base := filepath.Split(output)
	w = &workplace{output: output, dir: Unfinished(output)}
	if _, err := os.Stat(parent); err != nil { // else the lock's name would be in the message
		return nil, err
	}
	w.lock, err = filelock.Try(filepath.Join(parent, "."+base+".lock"))
	if errors.Is(err, filelock.ErrLocked) {
		return nil, fmt.Errorf("%s: %w", output, ErrBusy)
	} else if errors.Is(err, filelock.ErrForeign) {
		return nil, fmt.Errorf("%w: %w", err, ErrForeign)
	} else if err != nil {
		return nil, err
	}
	resumed, err := published(output)
	if err != nil {
		w.close()
		return nil, err
	}
	if resumed {
		w.dir = output
	}
	return w, nil
}

// open makes the directory, or takes up what an earlier conversion left. What is there
// and not ours is ErrExists.
func (w *workplace) open() error {
	if w.dir != w.output {
		if err := os.Mkdir(w.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return w.openJournal()
}

// published tells whether output is a directory whose conversion has only to remove
// its journal; the process died between the rename and that. What else is there of
// that name is ErrExists.
func published(output string) (bool, error) {
	info, err := os.Lstat(output)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if info.IsDir() {
		text, err := readJournal(output)
		if err == nil {
			if _, err = parseJournal(text, output); err == nil {
				return true, nil
			}
		}
	}
	return false, fmt.Errorf("%s: %w", output, ErrExists)
}

// readJournal reads the journal's file of a directory, which may be no journal at all.
func readJournal(dir string) ([]byte, error) {
	path := filepath.Join(dir, journalName)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is a %s: %w", path, regularfile.Noun(info.Mode()), ErrExists)
	}
	return regularfile.ReadAll(path, maxJournal)
}

// openJournal reads the journal and goes on after its last sound line, or begins one in
// a directory that holds nothing. Whatever else is there is not ours: ErrExists.
func (w *workplace) openJournal() error {
	info, err := os.Lstat(w.dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: it is a %s, no unfinished conversion: %w", w.dir, regularfile.Noun(info.Mode()), ErrExists)
	}
	text, err := readJournal(w.dir)
	if missing := errors.Is(err, fs.ErrNotExist); missing || err == nil && tornHeader(text) {
		others, err := w.others()
		if err != nil {
			return err
		}
		if len(others) > 0 {
			return fmt.Errorf("%s: it holds %s and no journal, so it is no unfinished conversion: %w", w.dir, others[0], ErrExists)
		}
		return w.beginJournal(missing)
	} else if err != nil {
		return err
	}
	if w.journal, err = parseJournal(text, w.output); err != nil {
		return fmt.Errorf("%s: %w: %w", w.dir, err, ErrExists)
	}
	if _, err := w.made(); err != nil { // before anything is changed
		return err
	}
	if w.file, err = os.OpenFile(filepath.Join(w.dir, journalName), os.O_RDWR, 0); err != nil {
		return err
	}
	if err := w.file.Truncate(w.journal.sound); err != nil {
		return err
	}
	_, err = w.file.Seek(w.journal.sound, 0)
	return err
}

// beginJournal writes the header; new says that there is no file yet.
func (w *workplace) beginJournal(new bool) error {
	j, header, err := newJournal(w.output)
	if err != nil {
		return err
	}
	flags := os.O_RDWR | os.O_TRUNC
	if new {
		flags |= os.O_CREATE | os.O_EXCL
	}
	file, err := os.OpenFile(filepath.Join(w.dir, journalName), flags, 0o666)
	if err != nil {
		return err
	}
	w.journal, w.file = j, file
	if _, err := file.Write(header); err != nil {
		return err
	}
	return errors.Join(file.Sync(), atomicfile.SyncDir(w.dir))
}

// others lists what is in the directory besides the journal.
func (w *workplace) others() ([]string, error) {
	entries, err := os.ReadDir(w.dir)
	var names []string
	for _, e := range entries {
		if e.Name() != journalName {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// stage returns the path under which a file is written before it gets its name. What
// is written beside it until it is whole has the identity in its name too.
func (w *workplace) stage(name string) string {
	return filepath.Join(w.dir, "."+w.journal.id+"."+name)
}

// keep notes a line in the journal and then gives the staged files their names, which
// the line says. It is safe for concurrent use.
func (w *workplace) keep(l journalLine, names ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(w.dir, name)); err == nil && !w.journal.made[name] {
			return w.foreign(name)
		}
	}
	if err := appendLine(w.file, l); err != nil {
		return err
	}
	if !w.journal.take(l) {
		return fmt.Errorf("%s: file name %q: %w", w.dir, names, fs.ErrInvalid)
	}
	for _, name := range names {
		if err := os.Rename(w.stage(name), filepath.Join(w.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (w *workplace) foreign(name string) error {
	return fmt.Errorf("%s: %w, and would become part of the output", filepath.Join(w.dir, name), ErrForeign)
}

// measured returns what the journal says of a rate.
func (w *workplace) measured(key string) (RatePoint, bool) {
	p, ok := w.journal.rates[key]
	return p, ok
}

// probed returns what the journal says of groups of matrices.
func (w *workplace) probed(key string) ([]calibrate.Probe, bool) {
	p, ok := w.journal.tried[key]
	return p, ok
}

// path is a finished file's.
func (w *workplace) path(name string) string { return filepath.Join(w.dir, name) }

// find returns the journal's entry of a key, if its files are still as they were.
// Those that were about to get their names get them.
func (w *workplace) find(ctx context.Context, key string) (Made, bool, error) {
	e, ok := w.journal.done[key]
	if !ok {
		return e, false, nil
	}
	for name, want := range e.Files() {
		ok, err := hasSum(ctx, filepath.Join(w.dir, name), want)
		if err == nil && !ok {
			if ok, err = hasSum(ctx, w.stage(name), want); ok {
				err = os.Rename(w.stage(name), filepath.Join(w.dir, name))
			}
		}
		if err != nil || !ok {
			return e, false, err
		}
	}
	return e, true, nil
}

// hasSum tells whether path is a regular file, no link, with that SHA-256.
func hasSum(ctx context.Context, path, want string) (bool, error) {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return false, nil
	}
	sum, _, err := model.HashFile(ctx, path)
	return err == nil && sum == want, ctx.Err()
}

// clear removes the conversion's files that are not kept: half-written ones of a
// process that was killed, and those of other options. If there is anything that the
// conversion did not make, a link or a directory among them, it removes nothing and
// names it: ErrForeign.
func (w *workplace) clear(keep map[string]bool) error {
	names, err := w.made()
	if err != nil {
		return err
	}
	for _, name := range names {
		if keep[name] {
			continue
		}
		remove := os.Remove
		if name == filepath.Base(w.stage(calibrationName)) {
			remove = clearCalibration
		}
		if err := remove(filepath.Join(w.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// clearCalibration removes what a calibration has left.
func clearCalibration(dir string) error {
	err := calibrate.Clear(dir)
	if errors.Is(err, calibrate.ErrWork) {
		err = fmt.Errorf("%w: %w", err, ErrForeign)
	}
	return err
}

// made lists the files in the directory besides the journal; ErrForeign if the conversion
// did not make all of them.
func (w *workplace) made() ([]string, error) {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if name == journalName && e.Type().IsRegular() {
			continue
		}
		state := e.IsDir() && name == filepath.Base(w.stage(calibrationName))
		if !e.Type().IsRegular() && !state || !w.journal.isOurs(name) {
			return nil, w.foreign(name)
		}
		names = append(names, name)
	}
	return names, nil
}

// publish gives the finished directory, of the files that are kept, its name and
// removes the journal.
func (w *workplace) publish(keep map[string]bool) error {
	if err := w.clear(keep); err != nil {
		return err
	}
	file := w.file
	w.file = nil
	if err := file.Close(); err != nil { // before the rename: Windows renames no open file
		return err
	}
	if err := atomicfile.SyncDir(w.dir); err != nil { // all files have their names before it has its own
		return err
	}
	if w.dir != w.output {
		if _, err := os.Lstat(w.output); err == nil {
			return fmt.Errorf("%s: %w", w.output, ErrExists)
		}
		if err := os.Rename(w.dir, w.output); err != nil {
			return err
		}
		w.dir = w.output
	}
	if err := os.Remove(filepath.Join(w.output, journalName)); err != nil {
		return err
	}
	return errors.Join(atomicfile.SyncDir(w.output), atomicfile.SyncDir(filepath.Dir(w.output)))
}

// close gives the workplace up. An unfinished directory stays if a tensor in it is
// done, or a layer of a calibration, or if there is something else than the conversion's own.
func (w *workplace) close() {
	if w.file != nil {
		w.file.Close()
		if w.dir != w.output && len(w.journal.done) == 0 && !w.calibrated() && w.clear(nil) == nil {
			os.Remove(filepath.Join(w.dir, journalName))
			os.Remove(w.dir)
		}
	}
	w.lock.Release()
}

// calibrated tells whether there are statistics, or what a calibration has done of them.
func (w *workplace) calibrated() bool {
	entries, _ := os.ReadDir(w.dir)
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		own, ok := strings.CutPrefix(e.Name(), filepath.Base(w.stage("")))
		return ok && (own == calibrationName || strings.HasPrefix(own, statisticsName+"."))
	})
}
