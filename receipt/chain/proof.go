package chain

import (
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/receipt"
)

var (
	// ErrProof reports a proof that does not prove what it says.
	ErrProof = errors.New("invalid proof")
	// ErrRange reports an entry or a size that the log does not have.
	ErrRange = errors.New("the log has no such entry")
)

// The schemas of proofs.
const (
	InclusionSchema   = "receipt_log_inclusion:v1"
	ConsistencySchema = "receipt_log_consistency:v1"
)

// Inclusion proves that a receipt is an entry of the log with a head.
type Inclusion struct {
	Schema string   `json:"schema"`
	Index  int64    `json:"index"`
	Head   Head     `json:"head"`
	Path   []string `json:"path"` // hashes from the entry to the root
}

// Consistency proves that the log with head Old is the beginning of the one with New.
type Consistency struct {
	Schema string   `json:"schema"`
	Old    Head     `json:"old"`
	New    Head     `json:"new"`
	Path   []string `json:"path"`
}

// ProveEntry proves that entry i is in the log at path.
func ProveEntry(path string, i int64) (*Inclusion, error) {
	p := &Inclusion{Schema: InclusionSchema, Index: i}
	err := withTree(path, func(t *tree) (err error) {
		if i < 0 || i >= t.size {
			return fmt.Errorf("%s: entry %d of %d: %w", path, i, t.size, ErrRange)
		}
		if p.Head, err = t.head(); err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(t.size, i, t)
		p.Path = hexList(proof)
		return err
	})
	return p, err
}

// Check tells whether p proves that the receipt is an entry of the log with p.Head.
// Whether that head is one to trust is the caller's to know.
func (p *Inclusion) Check(document []byte) error {
	root, err := p.Head.check()
	if err != nil {
		return err
	}
	path, err := parseHashes(p.Path)
	if err != nil {
		return err
	}
	line, err := receipt.Canonical(document)
	if err != nil {
		return err
	}
	if p.Schema != InclusionSchema || p.Index < 0 || p.Index >= p.Head.Size {
		return fmt.Errorf("%w: entry %d of %d", ErrProof, p.Index, p.Head.Size)
	}
	if err := tlog.CheckRecord(path, p.Head.Size, root, p.Index, tlog.RecordHash(line)); err != nil {
		return fmt.Errorf("%w: the receipt is not entry %d of that log", ErrProof, p.Index)
	}
	return nil
}

// ProveGrowth proves that the first size entries of the log at path are still its
// beginning.
func ProveGrowth(path string, size int64) (*Consistency, error) {
	p := &Consistency{Schema: ConsistencySchema}
	err := withTree(path, func(t *tree) (err error) {
		if size < 1 || size > t.size {
			return fmt.Errorf("%s: the first %d entries of %d: %w", path, size, t.size, ErrRange)
		}
		root, err := tlog.TreeHash(size, t)
		if err != nil {
			return err
		}
		p.Old = newHead(size, root)
		if p.New, err = t.head(); err != nil {
			return err
		}
		proof, err := tlog.ProveTree(t.size, size, t)
		p.Path = hexList(proof)
		return err
	})
	return p, err
}

// Check tells whether p proves that the log with p.Old is the beginning of the one with
// p.New. Whether those are the heads in question is the caller's to know.
func (p *Consistency) Check() error {
	old, err := p.Old.check()
	if err != nil {
		return err
	}
	root, err := p.New.check()
	if err != nil {
		return err
	}
	path, err := parseHashes(p.Path)
	if err != nil {
		return err
	}
	if p.Schema != ConsistencySchema || p.Old.Size < 1 || p.Old.Size > p.New.Size {
		return fmt.Errorf("%w: from %d entries to %d", ErrProof, p.Old.Size, p.New.Size)
	}
	if err := tlog.CheckTree(path, p.New.Size, root, p.Old.Size, old); err != nil {
		return fmt.Errorf("%w: the older log is not the newer one's beginning", ErrProof)
	}
	return nil
}

func withTree(path string, use func(*tree) error) error {
	f, _, err := regularfile.Open(path + TreeSuffix)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := openTree(f)
	if err != nil {
		return err
	}
	return use(t)
}

func hexList(hashes []tlog.Hash) []string {
	list := []string{}
	for _, h := range hashes {
		list = append(list, hex.EncodeToString(h[:]))
	}
	return list
}

func parseHashes(list []string) ([]tlog.Hash, error) {
	if len(list) > 128 {
		return nil, fmt.Errorf("%w: a path of %d hashes", ErrProof, len(list))
	}
	hashes := make([]tlog.Hash, len(list))
	for i, s := range list {
		h, err := parseHash(s)
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrProof, err)
		}
		hashes[i] = h
	}
	return hashes, nil
}
