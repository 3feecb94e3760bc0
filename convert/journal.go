package convert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/filelock"
	"github.com/helix-substrate/helix-substrate/model"
)

// journalName is the journal's file in an unfinished model directory.
const journalName = "journal.jsonl"

// workplace is where a conversion builds its directory: .BASE.partial beside the
// output, with a journal of the tensors that are done. A conversion that ended
// early, by an error or with its process, is taken up there again.
type workplace struct {
	dir    string // where files are written
	output string
	lock   *filelock.Lock
	done   map[string]journalEntry // by key

	mu      sync.Mutex
	journal *os.File
}

// journalEntry is a line of the journal: a tensor that is converted. Its files
// were flushed and renamed before the line was written.
type journalEntry struct {
	Key    string       `json:"key"` // of source, options and program; see conversion.key
	Name   string       `json:"name"`
	Entry  model.Tensor `json:"entry"`
	Report TensorReport `json:"report"`
}

// openWorkplace makes the directory for output, or takes up what an earlier
// conversion left. Errors: ErrExists, ErrBusy.
func openWorkplace(output string) (w *workplace, err error) {
	if output, err = filepath.Abs(output); err != nil {
		return nil, err
	}
	parent, base := filepath.Split(output)
	w = &workplace{output: output, dir: filepath.Join(parent, "."+base+".partial"), done: map[string]journalEntry{}}
	if _, err := os.Stat(parent); err != nil { // else the lock's name would be in the message
		return nil, err
	}
	w.lock, err = filelock.Try(filepath.Join(parent, "."+base+".lock"))
	if errors.Is(err, filelock.ErrLocked) {
		return nil, fmt.Errorf("%s: %w", output, ErrBusy)
	} else if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if published(output) { // the process died between the rename and the removal of the journal
		w.dir = output
	} else if err := checkOutput(output); err != nil {
		return w, err
	} else if err := os.Mkdir(w.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return w, err
	}
	return w, w.openJournal()
}

// published tells whether dir is a directory whose conversion has only to remove
// its journal.
func published(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, journalName))
	return err == nil
}

// checkOutput refuses an output that is there already.
func checkOutput(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		if published(dir) {
			return nil
		}
		return fmt.Errorf("%s: %w", dir, ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// openJournal reads the journal and begins a new one after its last sound line. A
// directory of this name that has no journal and holds something is not ours.
func (w *workplace) openJournal() error {
	path := filepath.Join(w.dir, journalName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		entries, err := os.ReadDir(w.dir)
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			return fmt.Errorf("%s: holds no journal, so it is no unfinished conversion: %w", w.dir, ErrExists)
		}
	} else if err != nil {
		return err
	}
	sound := int64(0)
	for {
		line, rest, ok := bytes.Cut(text, []byte("\n"))
		if !ok {
			break
		}
		e, ok := parseJournal(line)
		if !ok {
			break
		}
		w.done[e.Key] = e
		sound, text = sound+int64(len(line))+1, rest
	}
	if w.journal, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return err
	}
	if err := w.journal.Truncate(sound); err != nil {
		return err
	}
	_, err = w.journal.Seek(sound, 0)
	return err
}

// parseJournal reads a line: the SHA-256 of the JSON after it, so that a torn line
// is told.
func parseJournal(line []byte) (e journalEntry, ok bool) {
	sum, text, ok := bytes.Cut(line, []byte(" "))
	if !ok || string(sum) != checksum(text) || json.Unmarshal(text, &e) != nil {
		return e, false
	}
	e.Entry.Name = e.Name
	return e, true
}

func checksum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// write appends a line and flushes it. It is safe for concurrent use.
func (w *workplace) write(e journalEntry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := fmt.Fprintf(w.journal, "%s %s\n", checksum(text), text); err != nil {
		return err
	}
	return w.journal.Sync()
}

// find returns the journal's entry of a key, if its files are still as they were.
func (w *workplace) find(ctx context.Context, key string) (journalEntry, bool, error) {
	e, ok := w.done[key]
	if !ok {
		return e, false, nil
	}
	files := map[string]string{e.Entry.File: e.Entry.SHA256}
	if s := e.Entry.Sidecar; s != nil {
		files[s.File] = s.SHA256
	}
	for file, want := range files {
		sum, _, err := model.HashFile(ctx, filepath.Join(w.dir, file))
		if ctx.Err() != nil {
			return e, false, ctx.Err()
		}
		if err != nil || sum != want {
			return e, false, nil
		}
	}
	return e, true, nil
}

// clear removes what does not belong to the tensors that are kept: half-written
// files of a process that was killed, and files of other options.
func (w *workplace) clear(keep map[string]bool) error {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == journalName || keep[e.Name()] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(w.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// publish gives the finished directory its name and removes the journal.
func (w *workplace) publish() error {
	if err := w.journal.Close(); err != nil { // before the rename: Windows renames no open file
		return err
	}
	w.journal = nil
	if w.dir != w.output {
		if err := checkOutput(w.output); err != nil {
			return err
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

// close gives the workplace up. An unfinished directory stays if a tensor in it
// is done.
func (w *workplace) close() {
	if w.journal != nil {
		info, err := w.journal.Stat()
		w.journal.Close()
		if w.dir != w.output && err == nil && info.Size() == 0 {
			os.RemoveAll(w.dir)
		}
	}
	w.lock.Release()
}
