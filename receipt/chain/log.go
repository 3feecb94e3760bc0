package chain

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// ErrLog reports a log that was changed.
var ErrLog = errors.New("the log was changed")

// TreeSuffix makes the name of a log's tree.
const TreeSuffix = ".tree"

// Append seals a receipt as the one that follows the log's last, and appends it. It
// makes the log if there is none. Other processes may append at the same time. What an
// append that was cut short has left behind is finished, or overwritten where it is only
// part of an entry; ErrLog if the end of the log is otherwise not what the tree says.
func Append(ctx context.Context, path string, e *receipt.Execution) error {
	return appendEntry(ctx, path, func(previous string) ([]byte, error) {
		e.PreviousSHA256 = previous
		return e.Canonical()
	})
}

// AppendDocument appends a finished receipt as it is, in canonical form. If it names
// the one before, that must be the log's last.
func AppendDocument(ctx context.Context, path string, document []byte) error {
	e, err := receipt.ReadExecution(document)
	if err != nil {
		return err
	}
	return appendEntry(ctx, path, func(previous string) ([]byte, error) {
		if e.PreviousSHA256 != "" && e.PreviousSHA256 != previous {
			return nil, fmt.Errorf("%w: the receipt follows %.16s…, the last one is %.16s…", ErrLog, e.PreviousSHA256, previous)
		}
		return receipt.Canonical(document)
	})
}

// appendEntry appends the line that makeLine returns when it is told the hash of the
// receipt before, "" for none.
func appendEntry(ctx context.Context, path string, makeLine func(previous string) ([]byte, error)) error {
	return edit(path, func(log *os.File, t *tree, last []byte, end int64) error {
		line, err := makeLine(selfHash(last))
		if err != nil {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := log.Truncate(end); err != nil {
			return err
		}
		if _, err := log.WriteAt(append(line, '\n'), end); err != nil {
			return errors.Join(err, log.Truncate(end))
		}
		if err := log.Sync(); err != nil {
			return err
		}
		return t.add(line)
	})
}

// Check tells whether receipts can be appended to the log at path: the errors are those
// that [Append] would have. It does not make a log.
func Check(path string) error {
	_, err := os.Stat(path)
	_, treeErr := os.Stat(path + TreeSuffix)
	if errors.Is(err, fs.ErrNotExist) && errors.Is(treeErr, fs.ErrNotExist) {
		_, err := os.Stat(filepath.Dir(path))
		return err
	}
	return edit(path, func(*os.File, *tree, []byte, int64) error { return nil })
}

// edit opens log and tree, making them if they are not there, keeps other writers out,
// and hands over the last entry and where the next one goes.
func edit(path string, use func(log *os.File, t *tree, last []byte, end int64) error) (err error) {
	if err := checkRegular(path); err != nil {
		return err
	}
	if err := checkForeign(path); err != nil {
		return err
	}
	file, err := lockedfile.Edit(path + TreeSuffix) // also keeps other writers out
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	t, err := openTree(file)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	last, end, err := lastEntry(log, t)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return use(log, t, last, end)
}

// checkRegular refuses a log or a tree that is there and is no file: a pipe would block.
func checkRegular(path string) error {
	for _, name := range []string{path, path + TreeSuffix} {
		if err := regularfile.Check(name); errors.Is(err, regularfile.ErrNotRegular) {
			return err
		}
	}
	return nil
}

// selfHash returns the hash that a receipt has of itself.
func selfHash(line []byte) string {
	var e struct {
		SHA256 string `json:"receipt_sha256"`
	}
	if receipt.Unmarshal(line, &e) != nil {
		return ""
	}
	return e.SHA256
}

// lastEntry returns the log's last entry and where the next one goes. What an append
// that was cut short has left is finished, if its line is whole, or else is where the
// next one goes.
func lastEntry(log *os.File, t *tree) (last []byte, end int64, err error) {
	size, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	if t.size > 0 {
		if last, end, err = knownEntry(log, size, t); err != nil {
			return nil, 0, err
		}
	}
	if end == size {
		return last, end, nil
	}
	if size-end > receipt.MaxBytes {
		return nil, 0, fmt.Errorf("%w: its last line is too long", ErrLog)
	}
	rest := make([]byte, size-end)
	if _, err := log.ReadAt(rest, end); err != nil {
		return nil, 0, err
	}
	line, whole := bytes.CutSuffix(rest, []byte{'\n'})
	switch {
	case follows(line, selfHash(last)):
		if !whole {
			if _, err := log.WriteAt([]byte{'\n'}, size); err != nil {
				return nil, 0, err
			}
			size++
		}
		return line, size, t.add(line)
	case !whole && beginsEntry(rest) && !json.Valid(rest):
		return last, end, nil
	}
	return nil, 0, fmt.Errorf("%w: what follows entry %d is in no tree: see 'receipt log verify'", ErrLog, t.size-1)
}

// entryStart begins every entry: its first key, in canonical form.
const entryStart = `{"avg_cosine_similarity":`

// beginsEntry tells whether text can be an entry that was cut short. It is overwritten, so
// nothing else must be taken for one.
func beginsEntry(text []byte) bool {
	n := min(len(text), len(entryStart))
	return string(text[:n]) == entryStart[:n]
}

// checkForeign refuses a file without a tree that begins unlike a log, before anything is
// made beside it.
func checkForeign(path string) error {
	if _, err := os.Lstat(path + TreeSuffix); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	log, _, err := regularfile.Open(path)
	if err != nil {
		return nil // it is made, or what opens it for writing says why not
	}
	defer log.Close()
	start := make([]byte, len(entryStart))
	n, err := io.ReadFull(log, start)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if !beginsEntry(start[:n]) {
		return fmt.Errorf("%s: %w: it begins unlike a log, and is in no tree", path, ErrLog)
	}
	return nil
}

// follows tells whether a line is a receipt that names the one before it.
func follows(line []byte, previous string) bool {
	e, err := receipt.ReadExecution(line)
	return err == nil && e.PreviousSHA256 == previous
}

// knownEntry returns the last entry that the tree has and where it ends: it is the log's
// last line, or the one before.
func knownEntry(log *os.File, size int64, t *tree) (line []byte, end int64, err error) {
	want, err := t.leaf(t.size - 1)
	if err != nil {
		return nil, 0, err
	}
	starts, err := lastLines(log, size, 2)
	if err != nil {
		return nil, 0, err
	}
	for i, start := range starts { // the last line first
		end := size
		if i > 0 {
			end = starts[i-1]
		}
		line := make([]byte, end-start)
		if _, err := log.ReadAt(line, start); err != nil {
			return nil, 0, err
		}
		if text, whole := bytes.CutSuffix(line, []byte{'\n'}); whole && tlog.RecordHash(text) == want {
			return text, end, nil
		}
	}
	return nil, 0, fmt.Errorf("%w: its end is not entry %d: see 'receipt log verify'", ErrLog, t.size-1)
}

// lastLines returns where the last n lines begin, the last one first. A part of a line
// at the end counts.
func lastLines(r io.ReaderAt, size int64, n int) ([]int64, error) {
	var starts []int64
	buf := make([]byte, 64<<10)
	for end := size; end > 0 && len(starts) < n; {
		at := max(0, end-int64(len(buf)))
		part := buf[:end-at]
		if _, err := r.ReadAt(part, at); err != nil {
			return nil, err
		}
		for i := len(part) - 1; i >= 0 && len(starts) < n; i-- {
			if start := at + int64(i) + 1; part[i] == '\n' && start < size {
				starts = append(starts, start)
			}
		}
		if end = at; end == 0 && len(starts) < n {
			starts = append(starts, 0)
		}
		if size-end > 2*receipt.MaxBytes {
			return nil, fmt.Errorf("%w: its last entries are too long", ErrLog)
		}
	}
	return starts, nil
}

// scanner reads a log line by line.
type scanner struct {
	r    *bufio.Reader
	line []byte // without its newline
	cut  bool   // the line has no newline: it is the last
	err  error
}

func newScanner(r io.Reader) *scanner { return &scanner{r: bufio.NewReaderSize(r, 64<<10)} }

// next reads a line; false at the end.
func (s *scanner) next() bool {
	s.line = nil
	for s.err == nil {
		part, err := s.r.ReadSlice('\n')
		s.line = append(s.line, part...)
		switch {
		case err == nil:
			s.line = s.line[:len(s.line)-1]
			return true
		case err == io.EOF:
			s.cut = true
			return len(s.line) > 0
		case !errors.Is(err, bufio.ErrBufferFull):
			s.err = err
		case len(s.line) > receipt.MaxBytes:
			s.err = fmt.Errorf("a line is longer than %d bytes: %w", receipt.MaxBytes, receipt.ErrLimit)
		}
	}
	return false
}
