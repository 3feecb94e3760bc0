package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/internal/source"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// modelFlags are the options of every verb that runs a model.
type modelFlags struct {
	Memory  byteunit.Size `name:"memory" placeholder:"SIZE" help:"Keep the whole process within SIZE, such as 300MiB: what does not fit is streamed. Refused, with the smallest workable size, where that is too small."`
	Context int           `name:"context" short:"c" placeholder:"N" help:"The longest sequence (default: the model's own, at most 4096)."`
	Cache   string        `name:"cache" enum:"f32,f16" default:"f32" help:"How keys and values are kept: ${enum}."`
	Chunk   int           `name:"chunk" hidden:"" help:"Tokens of a prompt that go together."`
	Threads int           `name:"threads" help:"Workers; 0 means all cores. Results do not depend on it."`
	CPU     string        `name:"cpu" enum:"generic,avx2,avx512,vbmi,neon," default:"" help:"Force a kernel level: ${enum}."`
	verifyFlag
}

// options checks the flags; reserve is memory needed besides the model's.
func (f *modelFlags) options(reserve int64) (transformer.Options, error) {
	if f.Context < 0 || f.Chunk < 0 || f.Threads < 0 {
		return transformer.Options{}, usageError("--context and --threads must not be negative")
	}
	return transformer.Options{
		Memory: int64(f.Memory), Reserve: reserve, Context: f.Context, CacheType: transformer.CacheType(f.Cache),
		Chunk: f.Chunk, Threads: f.Threads, CPU: f.CPU, Verify: cdna.Policy(f.Verify),
	}, nil
}

// loaded is a model ready to run.
type loaded struct {
	model     *transformer.Model
	session   *transformer.Session
	tokenizer *tokenizer.Tokenizer // nil where only ids are read
}

// open opens a model within the memory that the flags allow, reserve bytes of it aside.
func (f *modelFlags) open(env *environment, path string, reserve int64) (*transformer.Model, error) {
	if f.Memory > 0 {
		lean()
	}
	o, err := f.options(reserve)
	if err != nil {
		return nil, err
	}
	f.policy(env)
	m, err := transformer.Open(env.ctx, path, o)
	if err != nil {
		return nil, err
	}
	for _, note := range m.Notes {
		env.note(fmt.Sprintf("%s: %s", path, note))
	}
	if m.Plan.Limit > 0 {
		debug.SetMemoryLimit(m.Plan.Program) // the collector's share
	}
	if m.Version1() {
		env.note(fmt.Sprintf("%s: %s", path, version1Note))
	}
	return m, nil
}

// load opens a model and its tokenizer within the memory that the flags allow; the
// verb itself needs reserve bytes of it.
func (f *modelFlags) load(env *environment, path string, reserve int64) (*loaded, error) {
	return f.loadFor(env, path, func(int) int64 { return reserve })
}

// loadFor is load for a verb whose need depends on the size of the vocabulary.
func (f *modelFlags) loadFor(env *environment, path string, reserve func(vocab int) int64) (*loaded, error) {
	if f.Memory > 0 {
		lean()
	}
	if source.IsRepository(path) {
		return nil, fmt.Errorf("no path %s here; if it is a repository of the hub, convert it first: helix-substrate convert %[1]s -o DIR", path)
	}
	t, err := f.tokenizer(path)
	if err != nil {
		return nil, err
	}
	return f.start(env, path, t, tokenizerMemory(path)+reserve(t.VocabSize()))
}

// start opens a model that works with a tokenizer, nil where only ids are read, and needs reserve bytes besides.
func (f *modelFlags) start(env *environment, path string, t *tokenizer.Tokenizer, reserve int64) (*loaded, error) {
	m, err := f.open(env, path, reserve)
	if err != nil {
		return nil, err
	}
	if t != nil {
		if err := generate.CheckVocabulary(t, m.Config.Vocab); err != nil {
			m.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if f.Context > m.Config.Context {
		fmt.Fprintf(env.stderr, "helix-substrate: warning: %s was made for sequences of %d tokens; beyond them its predictions fall off\n",
			path, m.Config.Context)
	}
	s, err := m.NewSession()
	if err != nil {
		m.Close()
		return nil, err
	}
	return &loaded{m, s, t}, nil
}

func (l *loaded) close() {
	l.session.Close()
	l.model.Close()
}

// tokenizerMemory is what an open tokenizer takes besides the program: what the
// process holds beyond a bare program's, or else a multiple of its file.
func tokenizerMemory(path string) int64 {
	const bare = 14 << 20
	debug.FreeOSMemory()
	if rss, ok := procmem.CurrentRSS(); ok {
		return max(0, rss-bare)
	}
	if info, err := os.Stat(filepath.Join(path, "tokenizer.json")); err == nil {
		return 8 * info.Size()
	}
	return 64 << 20
}

// peakMemory says how much the process ever held, and whether a limit was kept.
func (f *modelFlags) peakMemory() (peak int64, text string) {
	peak, ok := procmem.PeakRSS()
	if !ok {
		return 0, "peak memory unknown on this system"
	}
	text = "peak memory " + size(peak)
	if f.Memory > 0 {
		text += fmt.Sprintf(" of %s", byteunit.Format(int64(f.Memory)))
	}
	return peak, text
}
