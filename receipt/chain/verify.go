package chain

import (
	"context"
	"fmt"
	"sort"

	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// Report is what [Verify] found.
type Report struct {
	Entries  int64     `json:"entries"` // in the log
	Head     Head      `json:"head"`    // of the log as it is
	Problems []Problem `json:"problems"`
}

// Problem is something that is not as it was when it was appended.
type Problem struct {
	Kind  ProblemKind `json:"kind"`
	Entry int64       `json:"entry"` // counted from 0 in the log as it was; where it is now if it was added
	Text  string      `json:"text"`
}

// ProblemKind says what happened to an entry.
type ProblemKind string

// The kinds of problems.
const (
	Edited    ProblemKind = "edited"
	Dropped   ProblemKind = "dropped"
	Reordered ProblemKind = "reordered"
	Added     ProblemKind = "added"
	Truncated ProblemKind = "truncated" // it and all after it are missing
	Malformed ProblemKind = "malformed" // not a valid receipt by itself
	Unlinked  ProblemKind = "unlinked"  // does not follow the one before it
	BadTree   ProblemKind = "tree"      // the tree contradicts itself
	OtherHead ProblemKind = "head"      // the log does not begin as the head says
)

// Verify checks the log at path: every entry by itself, its link to the one before, the
// tree, the log against the tree, and, if head is given, that the log begins with those
// entries that the head stands for. It returns all problems, in the order of entries;
// its error is for what stops it.
func Verify(ctx context.Context, path string, head *Head) (*Report, error) {
	if head != nil {
		if _, err := head.check(); err != nil {
			return nil, err
		}
	}
	if err := checkRegular(path); err != nil {
		return nil, err
	}
	treeFile, err := lockedfile.Open(path + TreeSuffix)
	if err != nil {
		return nil, err
	}
	defer treeFile.Close()
	t, err := openTree(treeFile)
	if err != nil {
		return nil, err
	}
	v := &verification{report: &Report{Problems: []Problem{}}, tree: t}
	if err := v.readLog(ctx, path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := v.readTree(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", path+TreeSuffix, err)
	}
	v.compare()
	if head != nil {
		v.compareHead(head)
	}
	r := v.report
	r.Entries = int64(len(v.lines))
	r.Head = newHead(r.Entries, treeHash(v.lines))
	sort.SliceStable(r.Problems, func(i, j int) bool { return r.Problems[i].Entry < r.Problems[j].Entry })
	return r, nil
}

// Err returns nil if there are no problems, else ErrLog with the first.
func (r *Report) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	more := ""
	if n := len(r.Problems) - 1; n > 0 {
		more = fmt.Sprintf(", and %d more", n)
	}
	return fmt.Errorf("%w: %s%s", ErrLog, r.Problems[0].Text, more)
}

type verification struct {
	report *Report
	tree   *tree
	lines  []tlog.Hash // of the log's entries
	leaves []tlog.Hash // of the entries that the tree has
}

func (v *verification) note(kind ProblemKind, entry int, format string, args ...any) {
	v.report.Problems = append(v.report.Problems, Problem{kind, int64(entry), fmt.Sprintf(format, args...)})
}

// readLog hashes the lines and checks each by itself and against the one before.
func (v *verification) readLog(ctx context.Context, path string) error {
	f, _, err := regularfile.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	s := newScanner(f)
	for previous := ""; s.next(); {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		i := len(v.lines)
		v.lines = append(v.lines, tlog.RecordHash(s.line))
		e, err := receipt.ReadExecution(s.line)
		switch {
		case err != nil:
			v.note(Malformed, i, "entry %d: %v", i, err)
		case e.PreviousSHA256 != "" && e.PreviousSHA256 != previous:
			v.note(Unlinked, i, "entry %d follows %.16s..., which is not the receipt before it", i, e.PreviousSHA256)
		}
		if s.cut {
			v.note(Malformed, i, "entry %d: the line is cut off", i)
		}
		previous = ""
		if err == nil {
			previous = e.SHA256
		}
	}
	return s.err
}

// readTree reads the leaves and checks that all other hashes follow from them.
func (v *verification) readTree(ctx context.Context) error {
	t := v.tree
	if t.tail > 0 {
		v.note(BadTree, int(t.size), "the tree ends with part of entry %d: an append was cut short, or hashes are missing", t.size)
	}
	known := &memory{}
	for i := range t.size {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		leaf, err := t.leaf(i)
		if err != nil {
			return err
		}
		v.leaves = append(v.leaves, leaf)
		want, err := tlog.StoredHashesForRecordHash(i, leaf, known)
		if err != nil {
			return err
		}
		first := tlog.StoredHashCount(i)
		for k, h := range want {
			known.hashes = append(known.hashes, h)
			got, err := t.ReadHashes([]int64{first + int64(k)})
			if err != nil {
				return err
			}
			if got[0] != h {
				v.note(BadTree, int(i), "the tree contradicts itself at entry %d, hash %d", i, first+int64(k))
			}
		}
	}
	return nil
}

// memory is a tree's hashes as they must be.
type memory struct{ hashes []tlog.Hash }

func (m *memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		list[i] = m.hashes[at]
	}
	return list, nil
}

// treeHash returns the root of the tree over some entries.
func treeHash(leaves []tlog.Hash) tlog.Hash {
	m := &memory{}
	for i, leaf := range leaves {
		hashes, _ := tlog.StoredHashesForRecordHash(int64(i), leaf, m) // memory has no errors
		m.hashes = append(m.hashes, hashes...)
	}
	root, _ := tlog.TreeHash(int64(len(leaves)), m)
	return root
}

// compare finds what was done to the log since its entries came into the tree. The
// longest run of entries in their old order stays where it was; other known entries
// were reordered. Between them, unknown lines stand where entries are missing: those
// were edited.
func (v *verification) compare() {
	places := map[tlog.Hash][]int{} // in the log, of lines that no entry has yet
	for i, h := range v.lines {
		places[h] = append(places[h], i)
	}
	place := make([]int, len(v.leaves)) // of each entry, -1 if it is missing
	known := make([]bool, len(v.lines))
	for i, h := range v.leaves {
		place[i] = -1
		if list := places[h]; len(list) > 0 {
			place[i], places[h] = list[0], list[1:]
			known[list[0]] = true
		}
	}
	stays := longestIncreasing(place)
	for i, p := range place {
		if p >= 0 && !stays[i] {
			v.note(Reordered, i, "entry %d was reordered: it is line %d now", i, p+1)
		}
	}
	line, entry := 0, 0
	for anchor := 0; anchor <= len(place); anchor++ {
		if anchor < len(place) && !stays[anchor] {
			continue
		}
		end := len(v.lines)
		if anchor < len(place) {
			end = place[anchor]
		}
		v.gap(place[entry:anchor], entry, known[line:max(line, end)], line, anchor == len(place))
		line, entry = end+1, anchor+1
	}
}

// gap says what happened between two entries that stayed: to the entries from first on,
// whose places are given, and the lines from line on. last is the end of the log.
func (v *verification) gap(place []int, first int, known []bool, line int, last bool) {
	var missing, unknown []int
	for i, p := range place {
		if p < 0 {
			missing = append(missing, first+i)
		}
	}
	for i, k := range known {
		if !k {
			unknown = append(unknown, line+i)
		}
	}
	for i, entry := range missing {
		switch {
		case i < len(unknown):
			v.note(Edited, entry, "entry %d was edited: line %d", entry, unknown[i]+1)
		case last:
			v.note(Truncated, entry, "entry %d is missing: the log was truncated", entry)
		default:
			v.note(Dropped, entry, "entry %d was dropped: it stood before line %d", entry, line+len(known)+1)
		}
	}
	for _, l := range unknown[min(len(unknown), len(missing)):] {
		v.note(Added, l, "line %d is in no tree: it was added, or its append was cut short", l+1)
	}
}

// longestIncreasing returns which elements make up the longest increasing
// subsequence of a list; negative ones never do.
func longestIncreasing(list []int) []bool {
	var tails []int // tails[k] is the index of the least end of a subsequence of k+1
	before := make([]int, len(list))
	for i, x := range list {
		if x < 0 {
			continue
		}
		k := sort.Search(len(tails), func(k int) bool { return list[tails[k]] >= x })
		before[i] = -1
		if k > 0 {
			before[i] = tails[k-1]
		}
		tails = append(tails[:k:k], append([]int{i}, tails[min(k+1, len(tails)):]...)...)
	}
	stays := make([]bool, len(list))
	if len(tails) > 0 {
		for i := tails[len(tails)-1]; i >= 0; i = before[i] {
			stays[i] = true
		}
	}
	return stays
}

// compareHead checks that the log begins with the entries that the head stands for. If
// the tree does, compare has said already where the log differs.
func (v *verification) compareHead(head *Head) {
	root, _ := parseHash(head.Root)
	begins := func(leaves []tlog.Hash) bool {
		return head.Size <= int64(len(leaves)) && treeHash(leaves[:head.Size]) == root
	}
	switch n := len(v.lines); {
	case begins(v.leaves) || begins(v.lines):
	case int64(n) < head.Size:
		v.note(Truncated, n, "the log has %d entries, the head %d: those from entry %d on are missing, in the tree too", n, head.Size, n)
	default:
		v.note(OtherHead, 0, "the first %d entries are not those that the head stands for, and the tree was replaced too", head.Size)
	}
}
