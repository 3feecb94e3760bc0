package main

import (
	"context"
	"fmt"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
)

// modelFlags are the options of every verb that runs a model.
type modelFlags struct {
	Memory  memory.Size `name:"memory" placeholder:"SIZE" help:"Keep the whole process within SIZE, such as 300MiB: what does not fit is streamed. Refused, with the smallest workable size, where that is too small."`
	Context int         `name:"context" short:"c" placeholder:"N" help:"The longest sequence (default: the model's own, at most 4096)."`
	Cache   string      `name:"cache" enum:"f32,f16,int8" default:"f32" help:"How keys and values are kept: ${enum}."`
	Canon   string      `name:"canon" enum:"int8,f32," default:"" placeholder:"NAME" help:"The arithmetic of lattice matrices: int8 (the default) sums integers exactly, f32 multiplies floats."`
	Chunk   int         `name:"chunk" hidden:"" help:"Tokens of a prompt that go together."`
	Threads int         `name:"threads" help:"Workers; 0 means all cores. Results do not depend on it."`
	CPU     string      `name:"cpu" enum:"generic,avx2,avx512,vbmi,neon," default:"" placeholder:"LEVEL" help:"Force a kernel level: generic, avx2, avx512, vbmi or neon."`
	Experts string      `input:"file" name:"expert-use" placeholder:"FILE" help:"How often each expert of a mixture is chosen, as run --learn-experts wrote it: where not all fit into memory, those chosen most are held. The text is the same."`
	Root    string      `text:"" name:"root" placeholder:"SHA256" help:"The root that the model directory must have, known from elsewhere: whoever serves another model is found out."`
	Blocks  string      `text:"" name:"block-cache" placeholder:"DIR" help:"Keep the verified blocks of a model that lies elsewhere in DIR, which other processes may share, and read them there the next time."`
	Most    memory.Size `name:"block-cache-size" placeholder:"SIZE" help:"How much --block-cache keeps at most (default: 2GiB)."`
	verifyFlag
}

// options checks the flags.
func (f *modelFlags) options() (o helix.EngineOptions, err error) {
	if f.Context < 0 || f.Chunk < 0 || f.Threads < 0 {
		return o, usageError("--context and --threads must not be negative")
	}
	o.Memory, o.Context, o.Chunk, o.Threads, o.CPU = int64(f.Memory), f.Context, f.Chunk, f.Threads, f.CPU
	o.Verify, o.Root = helix.VerifyPolicy(f.Verify), f.Root
	if o.BlockCache, o.BlockCacheSize = f.Blocks, int64(f.Most); f.Most != 0 && f.Blocks == "" {
		return o, usageError("--block-cache-size is for --block-cache")
	}
	set(&o.CacheType, f.Cache)
	set(&o.Canon, f.Canon)
	err = o.SetExpertUse(f.Experts)
	return o, err
}

// draftFlag names a model that guesses for another.
type draftFlag struct {
	Draft string `input:"model" name:"draft" placeholder:"MODEL" help:"A smaller model with the same vocabulary, held in memory, guesses what comes next; weights are read once for all that comes true, and the text is the same."`
}

// optionsWith are the options with a draft's.
func (f *modelFlags) optionsWith(d draftFlag) (helix.EngineOptions, error) {
	o, err := f.options()
	if err == nil {
		err = o.SetDraft(d.Draft)
	}
	return o, err
}

// begin opens the tokenizer of the model at path.
func (f *modelFlags) begin(env *environment, path string) (*generate.Opening, error) {
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	return generate.Begin(env.ctx, path, o)
}

// beginIDs is begin where ids are all that is read: the tokenizer is not needed.
func (f *modelFlags) beginIDs(path string) (*generate.Opening, error) {
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	return generate.BeginIDs(path, o), nil
}

// finish opens the model of an opening, and a session.
func (f *modelFlags) finish(env *environment, o *generate.Opening, path string) (*loaded, error) {
	l, err := f.finishModel(env, o, path)
	if err != nil {
		return nil, err
	}
	if l.session, err = l.model.NewSession(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// finishModel is finish without a session.
func (f *modelFlags) finishModel(env *environment, o *generate.Opening, path string) (*loaded, error) {
	m, err := f.openModel(env, path, o.Load)
	if err != nil {
		return nil, err
	}
	if warning := m.ContextWarning(path); warning != "" {
		env.note(warning)
	}
	return &loaded{model: m, tokenizer: o.Tokenizer, opening: o}, nil
}

// load opens a model and its tokenizer, for a verb that reads no text before.
func (f *modelFlags) load(env *environment, path string) (*loaded, error) {
	o, err := f.begin(env, path)
	if err != nil {
		return nil, err
	}
	return f.finish(env, o, path)
}

// openModel opens the model at path and says what is to be said of it.
func (f *modelFlags) openModel(env *environment, path string, open func(context.Context) (*helix.Engine, error)) (*helix.Engine, error) {
	f.policy(env)
	m, err := open(env.ctx)
	if err != nil {
		return nil, err
	}
	for _, note := range m.Notes {
		env.note(fmt.Sprintf("%s: %s", path, note))
	}
	return m, nil
}

// loaded is a model ready to run.
type loaded struct {
	model     *helix.Engine
	session   *helix.Session    // nil where a pool has it
	tokenizer *helix.Tokenizer  // nil where only ids are read
	opening   *generate.Opening // which knows where the model lies
	drafts    *generate.Pool    // of the draft's sessions; nil without one
}

func (l *loaded) close() {
	if l.drafts != nil {
		l.drafts.Close()
	}
	if l.session != nil {
		l.session.Close()
	}
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
		text += fmt.Sprintf(" of %s", memory.FormatSize(int64(f.Memory)))
	}
	return peak, text
}

// warnOfPeak says that more was held than the limit allows, which is a fault of the program's.
func (f *modelFlags) warnOfPeak(env *environment, peak int64) {
	if limit := int64(f.Memory); limit > 0 && peak > limit {
		fmt.Fprintf(env.stderr, "helix-substrate: warning: the limit was exceeded; please report this\n")
	}
}
