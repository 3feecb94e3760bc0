package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/filelock"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// PartialName is the file by which a directory says that it has not all files of its model: while a pull runs, or was stopped,
// and where only some tensors were pulled.
const PartialName = "partial.json"

// partial is what stands in it.
type partial struct {
	Comment string `json:"comment"`
	Root    string `json:"root_sha256"` // of the model
}

const comment = "Not all files of this model are here. helix-substrate pull, into this directory, fetches the others."

// workplace is where a pull writes: .BASE.partial beside the directory, which gets its name at the end; or the directory, where it
// has a part of the model. All is opened through root, which no link in there leads out of.
type workplace struct {
	dir, path string // the directory, and where it is filled
	root      *os.Root
	lock      *filelock.Lock
	mark      partial
}

// openWorkplace makes the workplace for a model of a root, or takes up what an earlier pull of it left. Errors are ErrExists, ErrForeign, ErrBusy.
func openWorkplace(dir string, modelRoot string) (w *workplace, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	parent, base := filepath.Split(dir)
	w = &workplace{dir: dir, path: filepath.Join(parent, "."+base+".partial"), mark: partial{comment, modelRoot}}
	if _, err := os.Stat(parent); err != nil { // else the lock's name would be in the message
		return nil, err
	}
	w.lock, err = filelock.Try(filepath.Join(parent, "."+base+".lock"))
	if errors.Is(err, filelock.ErrLocked) {
		return nil, fmt.Errorf("%s: %w", dir, ErrBusy)
	} else if err != nil {
		return nil, err
	}
	if err := w.open(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *workplace) open() error {
	switch _, err := os.Lstat(w.dir); {
	case err == nil:
		if w.root, err = os.OpenRoot(w.dir); err != nil {
			return fmt.Errorf("%s: %w", w.dir, ErrExists)
		}
		there, err := w.readMark()
		if errors.Is(err, fs.ErrNotExist) || err == nil && there.Root != w.mark.Root {
			return fmt.Errorf("%s: %w", w.dir, ErrExists)
		}
		w.path = w.dir
		return err
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.Mkdir(w.path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, err := os.Lstat(w.path); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: it is no directory: %w", w.path, ErrForeign)
	}
	var err error
	if w.root, err = os.OpenRoot(w.path); err != nil {
		return err
	}
	there, err := w.readMark()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.begin()
	case err == nil && there.Root != w.mark.Root:
		return fmt.Errorf("%s: it is of the model of root %s; remove it, or pull that: %w", w.path, there.Root, ErrForeign)
	}
	return err
}

// begin writes the mark into a directory that holds nothing.
func (w *workplace) begin() error {
	entries, err := fs.ReadDir(w.root.FS(), ".")
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s: it holds %s, and no %s: %w", w.path, entries[0].Name(), PartialName, ErrForeign)
	}
	return w.writeMark()
}

func (w *workplace) writeMark() error {
	text, err := json.MarshalIndent(w.mark, "", " ")
	if err != nil {
		return err
	}
	f, err := w.root.Create(PartialName + incomplete)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(append(text, '\n')); err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), w.root.Rename(PartialName+incomplete, PartialName))
}

func (w *workplace) readMark() (p partial, err error) {
	const longest = 64 << 10
	info, err := w.root.Lstat(PartialName)
	if err != nil {
		return p, err
	}
	if !info.Mode().IsRegular() || info.Size() > longest {
		return p, fmt.Errorf("%s: %s is none that a pull writes: %w", w.path, PartialName, ErrForeign)
	}
	f, err := w.root.Open(PartialName)
	if err != nil {
		return p, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, longest))
	if err != nil {
		return p, err
	}
	if strictjson.Unmarshal(text, &p, nil) != nil || p.Comment != comment {
		return p, fmt.Errorf("%s: %s is none that a pull writes: %w", w.path, PartialName, ErrForeign)
	}
	return p, nil
}

// incomplete ends the name of a file that is being written.
const incomplete = ".incomplete"

// others looks for what is not of the model, whose files are named; it would become part of the directory.
func (w *workplace) others(names map[string]bool) error {
	return fs.WalkDir(w.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == PartialName || name == PartialName+incomplete {
			return err
		}
		if plain := name; names[plain] && d.Type().IsRegular() {
			return nil
		} else if n := len(plain) - len(incomplete); n > 0 && plain[n:] == incomplete && names[plain[:n]] && d.Type().IsRegular() {
			return nil
		}
		return fmt.Errorf("%s: %w", filepath.Join(w.path, filepath.FromSlash(name)), ErrForeign)
	})
}

// publish gives the directory its name and, if it has all files of the model, takes the mark away.
func (w *workplace) publish(whole bool) error {
	w.root.Close() // Windows renames no open directory
	if w.path != w.dir {
		if _, err := os.Lstat(w.dir); err == nil {
			return fmt.Errorf("%s: %w", w.dir, ErrExists)
		}
		if err := os.Rename(w.path, w.dir); err != nil {
			return err
		}
		if err := atomicfile.SyncDir(filepath.Dir(w.dir)); err != nil {
			return err
		}
	}
	if whole {
		if err := os.Remove(filepath.Join(w.dir, PartialName)); err != nil {
			return err
		}
		return atomicfile.SyncDir(w.dir)
	}
	return nil
}

func (w *workplace) close() {
	if w.root != nil {
		w.root.Close()
	}
	w.lock.Release()
}
