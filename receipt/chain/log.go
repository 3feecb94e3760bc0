package chain

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/helix-substrate/helix-substrate/receipt"
)

// ErrLog reports a log that was changed.
var ErrLog = errors.New("the log was changed")

// TreeSuffix makes the name of a log's tree.
const TreeSuffix = ".tree"

// Append seals a receipt as the one that follows the log's last, and appends it. It
// makes the log if there is none. Other processes may append at the same time. What an
// append that was cut short has left behind is removed; ErrLog if the end of the log is
// otherwise not what the tree says.
func Append(ctx context.Context, path string, e *receipt.Execution) error {
	return appendEntry(ctx, path, func(previous string) ([]byte, error) {
		e.PreviousSHA256 = previous
		return e.Canonical()
	})
}

// AppendDocument appends a finished receipt as it is, in canonical form. If it names
// the one before, that must be the log's last.
func AppendDocument(ctx context.Context, path string, document []byte) error {
	return appendEntry(ctx, path, func(previous string) ([]byte, error) {
		e, err := receipt.ReadExecution(document)
		if err != nil {
			return nil, err
		}
		if e.PreviousSHA256 != "" && e.PreviousSHA256 != previous {
			return nil, fmt.Errorf("%w: the receipt follows %.16s…, the last one is %.16s…", ErrLog, e.PreviousSHA256, previous)
		}
		return receipt.Canonical(document)
	})
}

// appendEntry appends the line that makeLine returns when it is told the hash of the
// receipt before, "" for none.
func appendEntry(ctx context.Context, path string, makeLine func(previous string) ([]byte, error)) (err error) {
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
}

// selfHash returns the hash that a receipt has of itself.
func selfHash(line []byte) string {
	var e struct {
		SHA256 string `json:"receipt_sha256"`
	}
	if json.Unmarshal(line, &e) != nil {
		return ""
	}
	return e.SHA256
}

// lastEntry returns the log's last entry and where the next one goes: at the end, or
// over what an append that was cut short has left.
func lastEntry(log *os.File, t *tree) (line []byte, end int64, err error) {
	if t.size == 0 {
		first, err := readLines(log, 0, 2)
		if err == nil && len(first) > 1 {
			err = fmt.Errorf("%w: it has entries, its tree has none", ErrLog)
		}
		return nil, 0, err
	}
	want, err := t.leaf(t.size - 1)
	if err != nil {
		return nil, 0, err
	}
	size, err := log.Seek(0, io.SeekEnd)
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

// readLines returns up to n lines from byte off on, without their newlines.
func readLines(r io.ReaderAt, off int64, n int) ([][]byte, error) {
	var lines [][]byte
	s := newScanner(io.NewSectionReader(r, off, 1<<62))
	for len(lines) < n && s.next() {
		lines = append(lines, s.line)
	}
	return lines, s.err
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
