package cdna

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

// FileWriter is a Writer of a named file. The file gets its name only when Finish has succeeded; until then, and after
// any failure, a file of that name stays as it was.
type FileWriter struct {
	*Writer
	file *atomicfile.File
}

// Create starts writing a v2 file. Finish or Abort must follow.
func Create(path string, o WriterOptions) (*FileWriter, error) {
	return create(path, o, fidelityRoom)
}

func create(path string, o WriterOptions, room int) (*FileWriter, error) {
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(file, o, room)
	if err != nil {
		file.Abort()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &FileWriter{w, file}, nil
}

// Write is Writer.Write; errors name the file.
func (w *FileWriter) Write(indices []byte) (int, error) {
	n, err := w.Writer.Write(indices)
	return n, w.named(err)
}

// Finish is Writer.Finish followed by flushing the file to the disk and naming it. After an error nothing is left.
func (w *FileWriter) Finish(f *FidelityStats) (WriteStats, error) {
	stats, err := w.Writer.Finish(f)
	if err != nil {
		w.file.Abort()
		return WriteStats{}, w.named(err)
	}
	if err := w.file.Commit(); err != nil {
		return WriteStats{}, w.named(err)
	}
	return stats, nil
}

// Abort ends the workers and removes what was written. After Finish it does nothing.
func (w *FileWriter) Abort() {
	w.Writer.Abort()
	w.file.Abort()
}

func (w *FileWriter) named(err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", w.file.Path(), err)
	}
	return err
}
