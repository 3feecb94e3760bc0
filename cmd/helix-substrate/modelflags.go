package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/memory"
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
	CPU     string        `name:"cpu" enum:"generic,avx2,avx512,vbmi,neon," default:"" placeholder:"LEVEL" help:"Force a kernel level: generic, avx2, avx512, vbmi or neon."`
	verifyFlag
}

// options checks the flags.
func (f *modelFlags) options() (transformer.Options, error) {
	if f.Context < 0 || f.Chunk < 0 || f.Threads < 0 {
		return transformer.Options{}, usageError("--context and --threads must not be negative")
	}
	opening, _ := memory.Peak()
	return transformer.Options{
		Memory: int64(f.Memory), Opening: opening, Context: f.Context, CacheType: transformer.CacheType(f.Cache),
		Chunk: f.Chunk, Threads: f.Threads, CPU: f.CPU, Verify: cdna.Policy(f.Verify),
	}, nil
}

// open opens a model without its tokenizer, within the memory that the flags allow;
// the verb will need reserve bytes of it.
func (f *modelFlags) open(env *environment, path string, reserve int64) (*transformer.Model, error) {
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	o.Reserve = reserve
	return f.openModel(env, path, o)
}

// openModel opens a model and says what is to be said of it.
func (f *modelFlags) openModel(env *environment, path string, o transformer.Options) (*transformer.Model, error) {
	f.policy(env)
	m, err := transformer.Open(env.ctx, path, o)
	if err != nil {
		return nil, err
	}
	for _, note := range m.Notes {
		env.note(fmt.Sprintf("%s: %s", path, note))
	}
	if m.Version1() {
		env.note(fmt.Sprintf("%s: %s", path, version1Note))
	}
	return m, nil
}

// loaded is a model ready to run.
type loaded struct {
	model     *transformer.Model
	session   *transformer.Session
	tokenizer *tokenizer.Tokenizer // nil where only ids are read
}

func (l *loaded) close() {
	l.session.Close()
	l.model.Close()
}

// peakMemory says how much the process ever held, and whether a limit was kept.
func (f *modelFlags) peakMemory() (peak int64, text string) {
	peak, ok := memory.Peak()
	if !ok {
		return 0, "peak memory unknown on this system"
	}
	text = "peak memory " + size(peak)
	if f.Memory > 0 {
		text += fmt.Sprintf(" of %s", byteunit.Format(int64(f.Memory)))
	}
	return peak, text
}
