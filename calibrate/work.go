package calibrate

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/filelock"
	"github.com/helix-substrate/helix-substrate/internal/journal"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/storage"
)

const (
	// stateName is the file in a working directory that says how far a calibration is. All other
	// files of it have the state's random identity in their names, so that nobody else's are
	// taken for them.
	stateName = "calibration.jsonl"
	lockName  = "calibration.lock"
	// stateKind and stateVersion tell the state from whatever else has its name.
	stateKind    = "helix-substrate calibration"
	stateVersion = 1
	stateBegin   = `{"header":{"calibration":"` + stateKind + `"`
	// maxState bounds what is read of one: a thousand layers take less than a MiB.
	maxState = 1 << 26
)

// stateLine is a line of the state's file, one of its fields set.
type stateLine struct {
	Header *stateHeader `json:"header,omitempty"` // the first line, and no other
	Layer  *boundary    `json:"layer,omitempty"`
}

// stateHeader says whose state it is.
type stateHeader struct {
	Calibration string `json:"calibration"` // stateKind
	Version     int    `json:"version"`
	ID          string `json:"id"`   // random: no file that has it in its name is anybody else's
	Key         string `json:"key"`  // of model, windows and program
	Made        bool   `json:"made"` // the directory was made for the calibration
}

// boundary is the end of a layer, of which the lines before it have those before.
type boundary struct {
	Done        int      `json:"done"`           // layers; the first boundary, of the embeddings, has 0
	Activations string   `json:"activations"`    // SHA-256 of what the next layer reads
	Grams       []string `json:"grams"`          // SHA-256 of each Σ of the layer, which follow each other
	Uses        []int64  `json:"uses,omitempty"` // of each of the layer's experts
}

// work is a directory in which a calibration keeps what a killed process can go on with.
// Activations have two files: a layer reads the one and writes the other, so that the last
// boundary always stands.
type work struct {
	dir    string
	header stateHeader
	lock   *filelock.Lock
	state  *os.File
	// activations are what the layers done have left, in the file numbered done modulo 2.
	activations [2]*os.File
	// values are Σ of all layers done, one after the other, as the statistics have them; where a
	// successor is followed, what the first model has of the layer at hand.
	values *os.File
	lines  []boundary
}

// Clear removes what a calibration has left in its working directory, and the directory where nothing
// else is in it. A directory that is not there is no error; ErrWork is one that a calibration is
// at work in, a state in it that is none, and what else is in it.
func Clear(dir string) error {
	w := &work{dir: dir}
	var err error
	if w.lock, err = filelock.Try(w.path(lockName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("%w: %w", ErrWork, err)
	}
	text, err := regularfile.ReadAll(w.path(stateName), maxState)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case err == nil:
		if _, ok := w.parse(text); !ok && !journal.Torn(text, stateBegin) {
			err = fmt.Errorf("%s: it is no calibration's: %w", w.path(stateName), ErrWork)
		} else {
			err = w.remove()
		}
	}
	if err = errors.Join(err, w.lock.Release()); err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s: no calibration made it: %w", w.path(entries[0].Name()), ErrWork)
	}
	return os.Remove(dir)
}

// openWork makes the directory, or takes up what a calibration of the same key has left there.
// What is there and cannot be told to be a calibration's is ErrWork.
func openWork(dir, key string) (w *work, err error) {
	made := true
	if err := os.Mkdir(dir, 0o777); errors.Is(err, fs.ErrExist) {
		made = false
	} else if err != nil {
		return nil, err
	}
	if info, err := os.Lstat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() && info.Mode()&fs.ModeSymlink == 0 {
		return nil, fmt.Errorf("%s: it is a %s: %w", dir, regularfile.Noun(info.Mode()), ErrWork)
	}
	w = &work{dir: dir}
	if w.lock, err = filelock.Try(w.path(lockName)); errors.Is(err, filelock.ErrLocked) || errors.Is(err, filelock.ErrForeign) {
		return nil, fmt.Errorf("%w: %w", ErrWork, err)
	} else if err != nil {
		return nil, err
	}
	if err := w.open(key, made); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *work) path(name string) string { return filepath.Join(w.dir, name) }

func (w *work) open(key string, made bool) error {
	info, err := os.Lstat(w.path(stateName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.begin(key, made)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: it is a %s: %w", w.path(stateName), regularfile.Noun(info.Mode()), ErrWork)
	}
	text, err := regularfile.ReadAll(w.path(stateName), maxState)
	if err != nil {
		return err
	}
	sound, ok := w.parse(text)
	if !ok && !journal.Torn(text, stateBegin) {
		return fmt.Errorf("%s: it is no calibration's: %w", w.path(stateName), ErrWork)
	}
	if !ok || w.header.Key != key { // of another model or text
		made = made || w.header.Made
		if err := w.remove(); err != nil {
			return err
		}
		return w.begin(key, made)
	}
	if w.state, err = os.OpenFile(w.path(stateName), os.O_RDWR, 0); err == nil {
		if err = w.state.Truncate(int64(sound)); err == nil {
			_, err = w.state.Seek(int64(sound), 0)
		}
	}
	if err != nil {
		return err
	}
	return w.files(os.O_RDWR | os.O_CREATE)
}

// parse reads a state up to the first torn line, and returns the bytes of whole lines; false
// where text is none.
func (w *work) parse(text []byte) (sound int, ok bool) {
	line, rest, whole := bytes.Cut(text, []byte("\n"))
	var first stateLine
	if !whole || !journal.Decode(line, &first) || first.Header == nil {
		return 0, false
	}
	h := *first.Header
	if id, err := hex.DecodeString(h.ID); err != nil || len(id) != 16 || h.Calibration != stateKind || h.Version != stateVersion {
		return 0, false
	}
	w.header, sound = h, len(line)+1
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		var l stateLine
		if !whole || !journal.Decode(line, &l) || l.Layer == nil || l.Layer.Done != len(w.lines) {
			return sound, true
		}
		w.lines = append(w.lines, *l.Layer)
		sound, rest = sound+len(line)+1, after
	}
}

// begin writes a new state.
func (w *work) begin(key string, made bool) (err error) {
	var id [16]byte
	rand.Read(id[:])
	w.header, w.lines = stateHeader{stateKind, stateVersion, hex.EncodeToString(id[:]), key, made}, nil
	if w.state, err = os.OpenFile(w.path(stateName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666); err != nil {
		return err
	}
	if err := journal.Append(w.state, stateLine{Header: &w.header}); err != nil {
		return err
	}
	return w.files(os.O_RDWR | os.O_CREATE | os.O_EXCL)
}

// own is the path of a file that is the calibration's alone.
func (w *work) own(name string) string { return w.path("." + w.header.ID + "." + name) }

// files opens the files of activations and Σ.
func (w *work) files(flag int) error {
	for name, to := range map[string]**os.File{"activations0": &w.activations[0], "activations1": &w.activations[1], "values": &w.values} {
		path := w.own(name)
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s: it is a %s: %w", path, regularfile.Noun(info.Mode()), ErrWork)
		}
		f, err := os.OpenFile(path, flag, 0o666)
		if err != nil {
			return err
		}
		*to = f
	}
	return nil
}

// resume tells how many layers are done, of which the files still are as they were; −1 where
// not even the embeddings are. sizes are those of every layer's Σ in bytes, activations that of
// their file.
func (w *work) resume(ctx context.Context, activations int64, sizes [][]int64) (done int, err error) {
	if len(w.lines) == 0 || len(w.lines) > len(sizes)+1 {
		w.lines = nil
		return -1, w.restart()
	}
	last := len(w.lines) - 1
	ok, err := hasSum(ctx, w.activations[last%2], 0, activations, w.lines[last].Activations)
	at := int64(0)
	for i, line := range w.lines[1:] {
		if ok = ok && len(line.Grams) == len(sizes[i]); !ok {
			break
		}
		for k, n := range sizes[i] {
			if ok && err == nil {
				ok, err = hasSum(ctx, w.values, at, n, line.Grams[k])
			}
			at += n
		}
	}
	if err != nil {
		return 0, err
	}
	if !ok {
		w.lines = nil
		return -1, w.restart()
	}
	return last, nil
}

// restart forgets all boundaries.
func (w *work) restart() error {
	text, err := journal.Encode(stateLine{Header: &w.header})
	if err == nil {
		if err = w.state.Truncate(int64(len(text))); err == nil {
			_, err = w.state.Seek(int64(len(text)), 0)
		}
	}
	return err
}

// note adds a boundary. What it speaks of is written; where the system dies before that is on the
// disk, the hashes tell.
func (w *work) note(b boundary) error {
	w.lines = append(w.lines, b)
	return journal.Append(w.state, stateLine{Layer: &b})
}

// remove removes the calibration's files, and the directory if it was made for them.
func (w *work) remove() error {
	w.closeFiles()
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	for _, e := range entries { // the state last: it says which are the others
		if w.header.ID != "" && e.Type().IsRegular() && strings.HasPrefix(e.Name(), "."+w.header.ID+".") {
			err = errors.Join(err, os.Remove(w.path(e.Name())))
		}
	}
	if err == nil {
		err = os.Remove(w.path(stateName))
	}
	return err
}

// finish removes what a calibration does not leave.
func (w *work) finish() error {
	if err := w.remove(); err != nil {
		return err
	}
	err := w.lock.Release()
	w.lock = nil
	if w.header.Made {
		_ = os.Remove(w.dir) // unless somebody has put something there
	}
	return err
}

func (w *work) closeFiles() {
	for _, f := range []**os.File{&w.state, &w.activations[0], &w.activations[1], &w.values} {
		if *f != nil {
			(*f).Close()
			*f = nil
		}
	}
}

// close leaves the directory as it is if a layer is done, else as it was.
func (w *work) close() {
	if w.state != nil && len(w.lines) < 2 {
		_ = w.finish() // what is left is told to be a calibration's by the next one
	}
	w.closeFiles()
	if w.lock != nil {
		_ = w.lock.Release()
	}
}

// hasSum tells whether bytes [at, at+n) of a file are there and have that SHA-256.
func hasSum(ctx context.Context, f *os.File, at, n int64, want string) (bool, error) {
	sum, err := storage.Sum(ctx, io.NewSectionReader(f, at, n), n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	}
	return sum == want, err
}
