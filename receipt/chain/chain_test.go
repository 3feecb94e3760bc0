package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/receipt"
)

func execution(t testing.TB, i int) *receipt.Execution {
	t.Helper()
	r := receipt.NewRecorder(time.Unix(int64(i), 0))
	r.Add(receipt.Operation{Name: receipt.OpVerify, Elements: int64(i)})
	e, err := r.Receipt(map[string]any{"operation": receipt.OpVerify, "number": i}, time.Unix(int64(i)+1, 0))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// newLog makes a log of n receipts.
func newLog(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runs.log")
	grow(t, path, 0, n)
	return path
}

func grow(t testing.TB, path string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := Append(context.Background(), path, execution(t, i)); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// problems verifies a log and lists what is wrong, such as "edited 3".
func problems(t testing.TB, path string, head *Head) string {
	t.Helper()
	r, err := Verify(context.Background(), path, head)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, p := range r.Problems {
		list = append(list, fmt.Sprintf("%s %d", p.Kind, p.Entry))
	}
	if (r.Err() == nil) != (len(list) == 0) || r.Err() != nil && !errors.Is(r.Err(), ErrLog) {
		t.Errorf("%v: %v", list, r.Err())
	}
	return strings.Join(list, ", ")
}

func TestLog(t *testing.T) {
	path := newLog(t, 9)
	if got := problems(t, path, nil); got != "" {
		t.Fatal(got)
	}
	lines := strings.Split(strings.TrimSpace(string(read(t, path))), "\n")
	previous := ""
	for i, line := range lines {
		e, err := receipt.ReadExecution([]byte(line))
		if err != nil || e.PreviousSHA256 != previous {
			t.Errorf("entry %d follows %q, want %q (%v)", i, e.PreviousSHA256, previous, err)
		}
		previous = e.SHA256
	}
	head, err := ReadHead(path)
	if err != nil || head.Size != 9 {
		t.Fatalf("%+v, %v", head, err)
	}
	grow(t, path, 9, 14)
	if got := problems(t, path, &head); got != "" {
		t.Error(got)
	}
	// A finished receipt keeps its hash; one that follows another is refused.
	e := execution(t, 20)
	document, err := e.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	if err := AppendDocument(t.Context(), path, document); err != nil {
		t.Fatal(err)
	}
	e.PreviousSHA256 = "ab"
	if document, err = e.Canonical(); err != nil {
		t.Fatal(err)
	}
	if err := AppendDocument(t.Context(), path, document); !errors.Is(err, ErrLog) {
		t.Errorf("a receipt out of its place: %v", err)
	}
	if err := AppendDocument(t.Context(), path, []byte("{}")); !errors.Is(err, receipt.ErrInvalid) {
		t.Errorf("no receipt: %v", err)
	}
	if got := problems(t, path, &head); got != "" {
		t.Error(got)
	}
}

func TestChangedLog(t *testing.T) {
	path := newLog(t, 8)
	head, err := ReadHead(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := read(t, path)
	for _, c := range []struct {
		name   string
		change func(l []string) []string
		want   string // of those kinds that say where
	}{
		{"edited", func(l []string) []string { l[3] = strings.Replace(l[3], `"alpha"`, `"beta"`, 1); return l }, "malformed 3, edited 3, unlinked 4"},
		{"dropped", func(l []string) []string { return append(l[:2], l[3:]...) }, "dropped 2, unlinked 2"},
		{"two dropped", func(l []string) []string { return append(l[:2], l[4:]...) }, "dropped 2, unlinked 2, dropped 3"},
		{"first dropped", func(l []string) []string { return l[1:] }, "dropped 0, unlinked 0"},
		{"truncated", func(l []string) []string { return l[:6] }, "truncated 6, truncated 7"},
		{"all gone", func(l []string) []string { return nil }, "truncated 0, truncated 1, truncated 2, truncated 3, truncated 4, truncated 5, truncated 6, truncated 7"},
		{"reordered", func(l []string) []string { l[2], l[5] = l[5], l[2]; return l }, "reordered 2, reordered 5, unlinked 2, unlinked 3, unlinked 5, unlinked 6"},
		{"moved to the end", func(l []string) []string { moved := l[1]; return append(append(l[:1], l[2:]...), moved) }, "reordered 1, unlinked 1, unlinked 7"},
		{"repeated", func(l []string) []string { return append(l, l[7]) }, "added 8, unlinked 8"},
		{"inserted", func(l []string) []string { return append([]string{l[0], strings.ToUpper(l[0])}, l[1:]...) }, "added 1, malformed 1, unlinked 2"},
	} {
		lines := strings.Split(strings.TrimSuffix(string(whole), "\n"), "\n")
		lines = c.change(lines)
		text := strings.Join(lines, "\n")
		if len(lines) > 0 {
			text += "\n"
		}
		write(t, path, []byte(text))
		got := problems(t, path, &head)
		if sorted(got) != sorted(c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}

	// Both files cut back to an older state: only the head tells.
	write(t, path, whole)
	older := filepath.Join(t.TempDir(), "older.log")
	grow(t, older, 0, 5)
	if got := problems(t, older, nil); got != "" {
		t.Error(got)
	}
	if got := problems(t, older, &head); got != "truncated 5" {
		t.Errorf("cut back: %s", got)
	}
	// And both rewritten.
	rewritten := filepath.Join(t.TempDir(), "rewritten.log")
	grow(t, rewritten, 1, 10)
	if got := problems(t, rewritten, &head); got != "head 0" {
		t.Errorf("rewritten: %s", got)
	}
}

func sorted(list string) string {
	parts := strings.Split(list, ", ")
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// TestFlippedLog changes every byte of a log and of its tree.
func TestFlippedLog(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a log some thousand times")
	}
	path := newLog(t, 3)
	for _, name := range []string{path, path + TreeSuffix} {
		whole := read(t, name)
		for i := range whole {
			for _, mask := range []byte{1, 0x20, 0xff} {
				flipped := bytes.Clone(whole)
				flipped[i] ^= mask
				write(t, name, flipped)
				if problems(t, path, nil) == "" {
					t.Errorf("%s: byte %d ^ %#x goes unseen", filepath.Base(name), i, mask)
				}
			}
		}
		write(t, name, whole)
	}
	for n := range read(t, path) {
		cut := read(t, path)[:n]
		other := filepath.Join(filepath.Dir(path), "cut.log")
		write(t, other, cut)
		write(t, other+TreeSuffix, read(t, path+TreeSuffix))
		if problems(t, other, nil) == "" {
			t.Errorf("the first %d bytes go unseen", n)
		}
	}
}

func TestInterruptedAppend(t *testing.T) {
	path := newLog(t, 5)
	log, tree := read(t, path), read(t, path+TreeSuffix)
	grow(t, path, 5, 6)
	longer, longerTree := read(t, path), read(t, path+TreeSuffix)
	grow(t, path, 6, 7)
	longest, longestTree := read(t, path), read(t, path+TreeSuffix)
	for _, c := range []struct{ log, tree []byte }{
		{longer, tree},
		{longer[:len(longer)-1], tree},
		{longer[:len(log)+7], tree},
		{longer, longerTree[:len(tree)+5]},
		{longer, longerTree[:len(tree)+32]},
	} {
		write(t, path, c.log)
		write(t, path+TreeSuffix, c.tree)
		if len(c.tree) == len(longerTree) {
			t.Fatal("nothing is missing")
		}
		if problems(t, path, nil) == "" {
			t.Error("an append that was cut short goes unseen")
		}
		if len(c.log) == len(log)+7 { // the entry is lost, else the next append finishes it
			grow(t, path, 5, 6)
		}
		grow(t, path, 6, 7)
		if got := problems(t, path, nil); got != "" {
			t.Errorf("after the next append: %s", got)
		}
		if !bytes.Equal(read(t, path), longest) || !bytes.Equal(read(t, path+TreeSuffix), longestTree) {
			t.Error("the next append gives another log")
		}
	}
	// What nobody's append leaves is not overwritten.
	write(t, path, append(bytes.Clone(longer), "{}\n{}\n"...))
	if err := Append(t.Context(), path, execution(t, 7)); !errors.Is(err, ErrLog) {
		t.Errorf("a strange end: %v", err)
	}
	write(t, path+TreeSuffix, nil)
	if err := Append(t.Context(), path, execution(t, 7)); !errors.Is(err, ErrLog) {
		t.Errorf("no tree: %v", err)
	}
	for _, text := range []string{"my only line\n", "my only line", "{}\n", "{}", "{\\rtf1 my thesis", "{\"architectures\": [", string(longer[len(log):])} {
		write(t, path, []byte(text))
		write(t, path+TreeSuffix, nil)
		if err := Append(t.Context(), path, execution(t, 7)); !errors.Is(err, ErrLog) {
			t.Errorf("%.20q: %v", text, err)
		}
		if err := Check(path); !errors.Is(err, ErrLog) {
			t.Errorf("%.20q: %v", text, err)
		}
		if got := read(t, path); string(got) != text {
			t.Errorf("%.20q became %.20q", text, got)
		}
		if strings.HasPrefix(text, entryStart) {
			continue
		}
		if err := os.Remove(path + TreeSuffix); err != nil {
			t.Fatal(err)
		}
		if err := Append(t.Context(), path, execution(t, 7)); !errors.Is(err, ErrLog) {
			t.Errorf("%.20q: %v", text, err)
		}
		if _, err := os.Stat(path + TreeSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%.20q has a tree now: %v", text, err)
		}
	}
	// One entry is as good as its tree.
	first, _, _ := bytes.Cut(longer, []byte{'\n'})
	write(t, path, append(first, '\n'))
	write(t, path+TreeSuffix, nil)
	grow(t, path, 1, 7)
	if got := read(t, path); !bytes.Equal(got, longest) {
		t.Error("a log of one entry without a tree was not taken up")
	}
}

func TestConcurrentAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.log")
	var g sync.WaitGroup
	for i := range 20 {
		g.Go(func() {
			if err := Append(context.Background(), path, execution(t, i)); err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	if got := problems(t, path, nil); got != "" {
		t.Error(got)
	}
	if head, err := ReadHead(path); err != nil || head.Size != 20 {
		t.Errorf("%+v, %v", head, err)
	}
}

func TestProofs(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(r, "entries")
		path := newLog(t, n)
		lines := bytes.Split(bytes.TrimSuffix(read(t, path), []byte("\n")), []byte("\n"))
		i := rapid.IntRange(0, n-1).Draw(r, "entry")
		p, err := ProveEntry(path, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		for k, line := range lines {
			if err := p.Check(line); (err == nil) != (k == i) || err != nil && !errors.Is(err, ErrProof) {
				t.Fatalf("the proof of entry %d of %d for entry %d: %v", i, n, k, err)
			}
		}
		if head, err := ReadHead(path); err != nil || head != p.Head {
			t.Fatalf("%+v, %v", head, err)
		}
		old := rapid.IntRange(1, n).Draw(r, "old")
		q, err := ProveGrowth(path, int64(old))
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Check(); err != nil {
			t.Fatalf("from %d to %d: %v", old, n, err)
		}
		other := newLog(t, old)
		if head, err := ReadHead(other); err != nil || head != q.Old {
			t.Fatalf("%+v is not %+v, %v", head, q.Old, err)
		}
		q.Old.Root = strings.Repeat("0", 64)
		if err := q.Check(); !errors.Is(err, ErrProof) {
			t.Fatalf("another old root: %v", err)
		}
	})
	path := newLog(t, 2)
	if _, err := ProveEntry(path, 2); !errors.Is(err, ErrRange) {
		t.Error(err)
	}
	if _, err := ProveGrowth(path, 3); !errors.Is(err, ErrRange) {
		t.Error(err)
	}
	if err := (&Inclusion{}).Check([]byte("{}")); !errors.Is(err, ErrProof) {
		t.Error(err)
	}
	if err := (&Consistency{}).Check(); !errors.Is(err, ErrProof) {
		t.Error(err)
	}
	if _, err := Verify(t.Context(), path, &Head{}); !errors.Is(err, ErrProof) {
		t.Error(err)
	}
	if _, err := Verify(t.Context(), path+"absent", nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	path := newLog(f, 3)
	log, tree := read(f, path), read(f, path+TreeSuffix)
	f.Add(log, tree)
	f.Add([]byte("{}\n\n"), tree[:40])
	f.Add(log[:len(log)/2], []byte{})
	f.Fuzz(func(t *testing.T, l, m []byte) {
		path := filepath.Join(t.TempDir(), "fuzz.log")
		write(t, path, l)
		write(t, path+TreeSuffix, m)
		r, err := Verify(t.Context(), path, nil)
		if err == nil && r.Err() == nil && len(l) > 0 && l[len(l)-1] != '\n' {
			t.Fatalf("%q is a log", l)
		}
		_ = Append(t.Context(), path, execution(t, 1))
		_, _ = ProveEntry(path, 1)
	})
}
