package generate

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/overwrite"
)

// BatchFile is a file of requests that is to be answered in another file.
type BatchFile struct {
	in  *os.File
	out *atomicfile.File
}

// OpenBatchFile opens a file of requests, and one for the answers, which gets its name
// when it is whole. Errors are ErrBatch, overwrite.ErrOutput for answers in the place of the
// requests or of somebody's file, those of opening, and the context's.
func OpenBatchFile(ctx context.Context, requests, answers string) (*BatchFile, error) {
	err := overwrite.Check([]overwrite.Input{{Flag: "requests", Path: requests, Kind: overwrite.One}},
		[]overwrite.Output{{Flag: "answers", Path: answers, Kind: overwrite.Answers}})
	if err != nil {
		return nil, err
	}
	in, _, err := regularfile.Open(requests)
	if err != nil {
		return nil, err
	}
	if err = checkLines(ctx, in); err == nil {
		_, err = in.Seek(0, io.SeekStart)
	}
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("%s: %w", requests, err)
	}
	out, err := atomicfile.Create(answers)
	if err != nil {
		in.Close()
		return nil, err
	}
	return &BatchFile{in, out}, nil
}

// Answer answers all requests, as [Batch.Answer] does.
func (f *BatchFile) Answer(ctx context.Context, b *Batch, o BatchOptions) (BatchCount, error) {
	out := bufio.NewWriter(f.out)
	count, err := b.Answer(ctx, f.in, out, o)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.out.Commit()
	}
	return count, err
}

// Close closes the requests, and removes the answers unless they are whole.
func (f *BatchFile) Close() error {
	f.out.Abort()
	return f.in.Close()
}

// checkLines refuses a file with no lines or too many.
func checkLines(ctx context.Context, in io.Reader) error {
	n, r := 0, newRequestLines(ctx, in)
	for {
		line, _, err := r.next(1)
		if err != nil && err != io.EOF {
			return err
		}
		if len(line) > 0 {
			n++
		}
		if n > MaxBatchLines {
			return errLines
		}
		if err == io.EOF {
			break
		}
	}
	if n == 0 {
		return fmt.Errorf("no lines: %w", ErrBatch)
	}
	return nil
}

var errLines = fmt.Errorf("more than %d lines: %w", MaxBatchLines, ErrBatch)

// requestLines reads the lines of a batch file.
type requestLines struct {
	ctx context.Context
	*bufio.Reader
}

// newLineReader returns a reader of lines, before which a byte order mark may stand.
func newRequestLines(ctx context.Context, in io.Reader) requestLines {
	r := requestLines{ctx, bufio.NewReader(in)}
	const mark = "\ufeff"
	if start, _ := r.Peek(len(mark)); string(start) == mark {
		r.Discard(len(mark))
	}
	return r
}

// blank is the white space of JSON.
const blank = " \t\r\n"

// next returns a line, cut off at most bytes with its end, without white space around it,
// and whether it was longer.
func (r requestLines) next(most int) (line []byte, long bool, err error) {
	for {
		if err := r.ctx.Err(); err != nil {
			return nil, false, err
		}
		piece, err := r.ReadSlice('\n')
		if len(line) == 0 {
			piece = bytes.TrimLeft(piece, blank)
		}
		line = append(line, piece[:min(len(piece), most+1-len(line))]...)
		if err == bufio.ErrBufferFull {
			continue
		}
		long = len(line) > most
		return bytes.TrimRight(line[:min(len(line), most)], blank), long, err
	}
}
