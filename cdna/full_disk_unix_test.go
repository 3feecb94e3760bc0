//go:build unix

package cdna

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// fullDiskVar makes this test binary a process that can write but little.
const fullDiskVar = "CDNA_TEST_FULL_DISK"

// A disk that fills up while a file is written gives the system's own error, and leaves the file of that name as it was
// and nothing beside it. A limit on the size of files, which needs no privileges, stands for the disk; it holds for a
// whole process, so the test runs in one of its own.
func TestFullDisk(t *testing.T) {
	if os.Getenv(fullDiskVar) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
		c.Env = append(os.Environ(), fullDiskVar+"=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}

	const room = 4096
	signal.Ignore(syscall.SIGXFSZ) // or the first write beyond would end the process
	limit := unix.Rlimit{Cur: room, Max: room}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip("files cannot be limited here:", err)
	}
	indices := bell(300 * 300)
	v1, err := os.ReadFile(writeSmallV1(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(path string) error{
		"Create, blocks": func(path string) error {
			w, err := Create(path, WriterOptions{Rows: 300, Cols: 300, BlockRows: 10, Codec: "none"})
			if err != nil {
				return err
			}
			defer w.Abort()
			if _, err := w.Write(indices); err != nil {
				return err
			}
			_, err = w.Finish(nil)
			return err
		},
		"Create, head": func(path string) error { // the blocks are tiny, their index is not
			w, err := Create(path, WriterOptions{Rows: 300, Cols: 1, BlockRows: 1, Codec: "none"})
			if err != nil {
				return err
			}
			defer w.Abort()
			if _, err := w.Write(indices[:300]); err != nil {
				return err
			}
			_, err = w.Finish(nil)
			return err
		},
		"CreateLossless": func(path string) error {
			w, err := CreateLossless(path, LosslessOptions{Rows: 300, Cols: 150, DType: dtype.F16, BlockRows: 10})
			if err != nil {
				return err
			}
			defer w.Abort()
			if _, err := w.Write(indices); err != nil {
				return err
			}
			_, err = w.Finish()
			return err
		},
		"CreateV1": func(path string) error { return CreateV1(path, 300, 300, ramp(), indices) },
		"CreateSidecar": func(path string) error {
			s := &Sidecar{Header: SidecarHeader{TensorName: "w", Rows: 300, Cols: 300}}
			for i, index := range indices[:10000] {
				s.Positions = append(s.Positions, uint64(9*i)+uint64(index&7))
				s.Values = append(s.Values, uint16(index)*257)
			}
			_, _, err := CreateSidecar(path, s)
			return err
		},
		"Upgrade": func(path string) error {
			_, err := Upgrade(t.Context(), path, mustOpen(t, v1), WriterOptions{Codec: "none"})
			return err
		},
	} {
		for _, before := range []string{"", "what was there"} {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			if before != "" {
				if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := write(path); !errors.Is(err, syscall.EFBIG) || isSentinel(err) {
				t.Errorf("%s: %v, want %v", name, err, syscall.EFBIG)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if before == "" {
				if len(entries) != 0 {
					t.Errorf("%s left %v", name, entries)
				}
				continue
			}
			if text, err := os.ReadFile(path); len(entries) != 1 || string(text) != before {
				t.Errorf("%s: the old file holds %q (%v), beside it %v", name, text, err, entries)
			}
		}
	}
}

// writeSmallV1 writes a v1 file that fits, whose matrix as it is would not.
func writeSmallV1(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "small.cdna")
	if err := CreateV1(path, 100, 100, nil, make([]byte, 100*100)); err != nil {
		t.Fatal(err)
	}
	return path
}
