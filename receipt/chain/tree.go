package chain

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// tree is a log's Merkle tree in a file: the hashes that tlog stores, one after the
// other, 32 bytes each.
type tree struct {
	file treeFile
	size int64 // entries
	tail int64 // bytes behind the last entry's hashes, left by an append that was cut short
}

type treeFile interface {
	io.ReaderAt
	io.WriterAt
	Stat() (fs.FileInfo, error)
	Truncate(int64) error
	Sync() error
}

func openTree(f treeFile) (*tree, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	t := &tree{file: f}
	hashes := info.Size() / tlog.HashSize
	t.size = entries(hashes)
	t.tail = info.Size() - tlog.StoredHashCount(t.size)*tlog.HashSize
	return t, nil
}

// entries returns the largest number of entries that do not take more hashes.
func entries(hashes int64) int64 {
	n := hashes / 2 // n entries take fewer than 2n hashes
	for tlog.StoredHashCount(n+1) <= hashes {
		n++
	}
	return n
}

// ReadHashes makes a tree a tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if _, err := t.file.ReadAt(hashes[i][:], at*tlog.HashSize); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// leaf returns the hash of entry i.
func (t *tree) leaf(i int64) (tlog.Hash, error) {
	h, err := t.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
	if err != nil {
		return tlog.Hash{}, err
	}
	return h[0], nil
}

// add writes the hashes of one more entry.
func (t *tree) add(line []byte) error {
	hashes, err := tlog.StoredHashes(t.size, line, t)
	if err != nil {
		return err
	}
	var b []byte
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	end := tlog.StoredHashCount(t.size) * tlog.HashSize
	if err := t.file.Truncate(end); err != nil {
		return err
	}
	if _, err := t.file.WriteAt(b, end); err != nil {
		return errors.Join(err, t.file.Truncate(end))
	}
	t.size++
	return t.file.Sync()
}

func (t *tree) head() (Head, error) {
	root, err := tlog.TreeHash(t.size, t)
	return newHead(t.size, root), err
}

// HeadSchema names a log's head.
const HeadSchema = "receipt_log_head:v1"

// Head stands for a log of Size entries.
type Head struct {
	Schema string `json:"schema"`
	Size   int64  `json:"size"`
	Root   string `json:"root_sha256"` // of the Merkle tree, RFC 6962
}

func newHead(size int64, root tlog.Hash) Head {
	return Head{HeadSchema, size, hex.EncodeToString(root[:])}
}

// check returns ErrProof for what is not a head.
func (h *Head) check() (tlog.Hash, error) {
	root, err := parseHash(h.Root)
	if err != nil || h.Schema != HeadSchema || h.Size < 0 {
		return root, fmt.Errorf("%w: no head of a log", ErrProof)
	}
	return root, nil
}

func parseHash(s string) (h tlog.Hash, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("%.70q is not a SHA-256", s)
	}
	return tlog.Hash(b), nil
}

// ReadHead returns the head of the log at path, as its tree has it: [Verify] tells
// whether the log agrees.
func ReadHead(path string) (Head, error) {
	f, _, err := regularfile.Open(path + TreeSuffix)
	if err != nil {
		return Head{}, err
	}
	defer f.Close()
	t, err := openTree(f)
	if err != nil {
		return Head{}, err
	}
	return t.head()
}
