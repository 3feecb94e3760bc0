package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/freespace"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
)

// PullOptions say what of a model is fetched. The zero value is all of whatever is there.
type PullOptions struct {
	Root    string // that the model must have, in hex; "" for any
	Tensors string // a regular expression; of tensors whose names it does not match the files are left out. "" for all
	// Progress is told the bytes that are here and in all, and the file at work; it may be called by several goroutines, one at a time.
	Progress func(done, total int64, file string)
}

// Pulled is what was fetched.
type Pulled struct {
	Dir          string `json:"dir"`
	Root         string `json:"root_sha256"`
	Files        int    `json:"files"` // the manifest included
	Bytes        int64  `json:"bytes"`
	FetchedBytes int64  `json:"fetched_bytes"`     // of files that were not here
	Tensors      int    `json:"tensors"`           // of which the files are here
	Partial      bool   `json:"partial,omitempty"` // the directory has not all of the model
}

// Pull copies the model directory that lies at an address, as [checkpoint.Find] has it, to dir, which must not exist: each
// file is compared with its hash in the manifest while it is written, and dir is there when all are. What was stopped goes on where it was:
// its files lie in .DIR.partial.
//
// With Tensors dir has the manifest, the files beside the tensors, those of the tensors that were asked for, and a file PartialName, which
// says so; another Pull of the same model, into it, fetches more, or all, and takes that away.
//
// Errors are ErrExists, ErrForeign, ErrBusy, ErrTensors, ErrName, model.ErrNotModel, model.ErrMismatch for what is not the
// manifest's, syscall.ENOSPC, and those of [checkpoint.Find].
func Pull(ctx context.Context, address, dir string, o PullOptions) (*Pulled, error) {
	if !checkpoint.IsFar(address) {
		return nil, fmt.Errorf("%q: %w", address, checkpoint.ErrAddress)
	}
	at, err := checkpoint.Find(ctx, address)
	if err != nil {
		return nil, err
	}
	return PullAt(ctx, at, dir, o)
}

// PullAt is Pull of a model that was found, in any place.
func PullAt(ctx context.Context, at checkpoint.Location, dir string, o PullOptions) (*Pulled, error) {
	at, err := at.Expect(o.Root)
	if err != nil {
		return nil, err
	}
	if !at.Converted() {
		return nil, fmt.Errorf("%s: %w", at.Name, model.ErrNotModel)
	}
	m, err := at.Model(ctx, "")
	if err != nil {
		return nil, err
	}
	if m.Manifest.RootScheme == 0 {
		return nil, fmt.Errorf("%s: this manifest's root does not cover its files: %w", m.Path(model.ManifestName), checkpoint.ErrRoot)
	}
	p := &pulling{progress: o.Progress, result: Pulled{Dir: dir, Root: m.Manifest.Root()}}
	if at, err = at.Expect(p.result.Root); err != nil {
		return nil, err
	}
	if p.from, err = at.Model(ctx, cdna.Off); err != nil { // whose files are compared here
		return nil, err
	}
	if err := p.choose(o.Tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", at.Name, err)
	}
	if p.work, err = openWorkplace(dir, p.result.Root); err != nil {
		return nil, err
	}
	defer p.work.close()
	if err := p.run(ctx, at.Place); err != nil {
		return nil, err
	}
	return &p.result, nil
}

// pulling is a model on its way.
type pulling struct {
	from  *model.Model
	files []model.File // to be fetched, without the manifest
	all   map[string]bool
	work  *workplace

	progress    func(done, total int64, file string)
	mu          sync.Mutex
	done, total int64
	result      Pulled
}

// choose lists the files to be fetched.
func (p *pulling) choose(tensors string) error {
	chosen, err := regexp.Compile(tensors)
	if err != nil || len(tensors) > 4096 {
		return fmt.Errorf("%q is no regular expression: %w", tensors, ErrTensors)
	}
	wanted := map[string]bool{}
	for _, f := range p.from.Manifest.Files {
		wanted[f.File] = true
	}
	for _, t := range p.from.Tensors() {
		if !chosen.MatchString(t.Name) {
			continue
		}
		p.result.Tensors++
		wanted[t.File] = true
		if t.Sidecar != nil {
			wanted[t.Sidecar.File] = true
		}
	}
	if p.result.Tensors == 0 && tensors != "" {
		return fmt.Errorf("%q matches none: %w", tensors, ErrTensors)
	}
	p.all = map[string]bool{model.ManifestName: true}
	names := []string{model.ManifestName, model.ManifestName + incomplete, PartialName, PartialName + incomplete}
	for _, f := range p.from.Manifest.AllFiles() {
		p.all[f.File] = true
		names = append(names, f.File, f.File+incomplete)
		if wanted[f.File] {
			p.files = append(p.files, f)
			p.total += f.Bytes
		}
	}
	return filename.CheckAll(names)
}

func (p *pulling) run(ctx context.Context, place storage.Place) error {
	if err := p.work.others(p.all); err != nil {
		return err
	}
	if err := p.room(); err != nil {
		return err
	}
	g, grouped := errgroup.WithContext(ctx)
	g.SetLimit(together)
	for _, f := range p.files {
		g.Go(func() error {
			if grouped.Err() != nil {
				return context.Cause(grouped)
			}
			return p.fetch(grouped, f)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := p.writeManifest(ctx, place); err != nil {
		return err
	}
	whole := true
	for name := range p.all {
		if _, err := p.work.root.Lstat(filepath.FromSlash(name)); err != nil {
			whole = false
		}
	}
	p.result.Partial = !whole
	return p.work.publish(whole)
}

// room refuses what the disk has no room for.
func (p *pulling) room() error {
	need := p.total
	for _, f := range p.files {
		for _, name := range []string{f.File, f.File + incomplete} {
			if info, err := p.work.root.Lstat(filepath.FromSlash(name)); err == nil {
				need -= min(info.Size(), f.Bytes)
				break
			}
		}
	}
	if free, err := freespace.At(p.work.path); err == nil && free < need {
		return fmt.Errorf("%s: %w: %s more are needed and %s are free", p.work.path, syscall.ENOSPC, memory.FormatSize(need), memory.FormatSize(free))
	}
	return nil
}

// fetch makes a file of the model be here, and right.
func (p *pulling) fetch(ctx context.Context, f model.File) error {
	name := filepath.FromSlash(f.File)
	if dir := filepath.Dir(name); dir != "." {
		if err := p.work.root.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	if ok, err := p.here(ctx, f, name); ok || err != nil {
		return err
	}
	file, err := p.work.root.OpenFile(name+incomplete, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer file.Close()
	d := &download{pulling: p, want: f, file: file, sum: sha256.New()}
	if err := d.run(ctx); err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	return p.work.root.Rename(name+incomplete, name)
}

// here tells whether a file is here that has the manifest's hash; one that has not is fetched again.
func (p *pulling) here(ctx context.Context, f model.File, name string) (bool, error) {
	info, err := p.work.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || info.Size() != f.Bytes {
		return false, err
	}
	file, err := p.work.root.Open(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	sum, err := storage.Sum(ctx, file, f.Bytes)
	if err != nil || sum != f.SHA256 {
		return false, err
	}
	p.tell(f.Bytes, 0, f.File)
	p.count(f.Bytes)
	return true, nil
}

// tell adds to what is here, and to what was fetched of it.
func (p *pulling) tell(n, fetched int64, file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.FetchedBytes += fetched
	if p.done += n; p.progress != nil {
		p.progress(p.done, p.total, file)
	}
}

// count counts a file that is whole.
func (p *pulling) count(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Files++
	p.result.Bytes += bytes
}

// writeManifest writes the manifest, which must be that of the root.
func (p *pulling) writeManifest(ctx context.Context, place storage.Place) error {
	if m, err := model.Open(p.work.path); err == nil && m.Manifest.Root() == p.result.Root { // the root covers all of it
		info, err := p.work.root.Lstat(model.ManifestName)
		if err == nil {
			p.count(info.Size())
		}
		return err
	}
	const limit = 1 << 30 // as package model has it
	text, err := storage.ReadFile(ctx, place, model.ManifestName, limit)
	if err != nil {
		return err
	}
	f, err := p.work.root.Create(model.ManifestName + incomplete)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := p.work.root.Rename(model.ManifestName+incomplete, model.ManifestName); err != nil {
		return err
	}
	p.count(int64(len(text)))
	m, err := model.Open(p.work.path)
	if err == nil && m.Manifest.Root() != p.result.Root {
		err = fmt.Errorf("%s: its root is %s, not %s: %w", place.Path(model.ManifestName), m.Manifest.Root(), p.result.Root, checkpoint.ErrRoot)
	}
	if err != nil {
		p.work.root.Remove(model.ManifestName)
	}
	return err
}

// download is a file on its way.
type download struct {
	*pulling
	want model.File
	file *os.File
	sum  hash.Hash
	done int64
}

// run fetches what is not here yet. Content that turns out wrong is fetched once more, from the beginning.
func (d *download) run(ctx context.Context) error {
	from, err := d.from.Open(ctx, d.want.File)
	if err != nil {
		return err
	}
	defer from.Close()
	if from.Size() != d.want.Bytes {
		return fmt.Errorf("%s: %d bytes, the manifest says %d: %w", d.from.Path(d.want.File), from.Size(), d.want.Bytes, model.ErrMismatch)
	}
	if err := d.resume(ctx); err != nil {
		return err
	}
	for again := true; ; again = false {
		if err := d.copy(ctx, from); err != nil {
			return err
		}
		got := hex.EncodeToString(d.sum.Sum(nil))
		if got == d.want.SHA256 {
			d.count(d.want.Bytes)
			return nil
		}
		if err := d.restart(); err != nil {
			return err
		}
		if !again {
			return fmt.Errorf("%s: sha256 is %s, the manifest says %s: %w", d.from.Path(d.want.File), got, d.want.SHA256, model.ErrMismatch)
		}
		if f, ok := from.(interface{ Forget() }); ok { // what a window still has of it
			f.Forget()
		}
		from.Close()
		if from, err = d.from.Open(ctx, d.want.File); err != nil {
			return err
		}
	}
}

// resume counts and hashes what is here already.
func (d *download) resume(ctx context.Context) error {
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > d.want.Bytes {
		return d.restart()
	}
	return d.read(ctx, d.file, info.Size(), false)
}

// restart forgets what is here.
func (d *download) restart() error {
	d.tell(-d.done, 0, d.want.File)
	d.done = 0
	d.sum.Reset()
	return d.file.Truncate(0)
}

// copy fetches the rest.
func (d *download) copy(ctx context.Context, from storage.File) error {
	return d.read(ctx, from, d.want.Bytes, true)
}

// read hashes what r has up to byte end, and writes it where it is not from here.
func (d *download) read(ctx context.Context, r io.ReaderAt, end int64, write bool) error {
	buffer := make([]byte, 256<<10)
	for d.done < end {
		piece := buffer[:min(int64(len(buffer)), end-d.done)]
		if _, err := storage.ReadFull(ctx, r, piece, d.done); err != nil {
			return err
		}
		fetched := int64(0)
		if write {
			if _, err := d.file.WriteAt(piece, d.done); err != nil {
				return err
			}
			fetched = int64(len(piece))
		}
		d.sum.Write(piece)
		d.done += int64(len(piece))
		d.tell(int64(len(piece)), fetched, d.want.File)
	}
	return nil
}
