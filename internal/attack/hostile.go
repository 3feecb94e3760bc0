package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// hostileMemory is the limit of a run with a hostile file, and hostileTime how long it
// may take.
const (
	hostileMemory = 96 << 20
	hostileTime   = 2 * time.Second
)

// hostile runs models with templates and tokenizers that were made to hang the program,
// to blow up its memory or its stack: it may answer or refuse in one line, soon and
// within the limit. On a busy machine, time is taken as the program's own.
func hostile(ctx context.Context, a *arena, n int) error {
	sound, err := os.ReadFile(a.path("demo", "checkpoint", "tokenizer.json"))
	if err != nil {
		return err
	}
	tokenizers, err := hostileTokenizers(sound)
	if err != nil {
		return err
	}
	templates := hostileTemplates()
	first := a.random.IntN(1 << 20) // in short, other ones each time
	for try := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		name, file, text := "", "", []byte(nil)
		if i := try / 2; try%2 == 0 {
			t := templates[(first+i)%len(templates)]
			name, file = t.name, "tokenizer_config.json"
			config, err := json.Marshal(map[string]string{"chat_template": t.text(), "bos_token": "<s>", "eos_token": "</s>"})
			if err != nil {
				return err
			}
			text = config
		} else {
			t := tokenizers[(first+i)%len(tokenizers)]
			name, file, text = t.name, "tokenizer.json", []byte(t.text())
		}
		if err := a.plant(ctx, name, file, text); err != nil {
			return err
		}
	}
	return nil
}

// plant runs the demo's checkpoint with one file replaced.
func (a *arena) plant(ctx context.Context, name, file string, text []byte) error {
	dir := a.path("hostile")
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(a.path("demo", "checkpoint"))); err != nil {
		return err
	}
	if err := os.WriteFile(a.path("hostile", file), text, 0o666); err != nil {
		return err
	}
	args := []string{"run", "hostile", "-n", "4", "--temp", "0", "--memory", fmt.Sprint(hostileMemory)}
	if file == "tokenizer_config.json" {
		args = append(args, "--chat")
	}
	o, err := a.try(ctx, "Hello aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! How are you?\n", args...)
	if err != nil {
		return err
	}
	switch {
	case o.code != 0 && !o.graceful():
		a.finding("%s: exit code %d after %.1f s: %.600s", name, o.code, o.took.Seconds(), o.stderr)
	case o.cpu > hostileTime:
		a.finding("%s: took %.1f s", name, o.cpu.Seconds())
	case o.peak > hostileMemory:
		a.finding("%s: took %d MiB of %d", name, o.peak>>20, hostileMemory>>20)
	}
	return nil
}

// specimen is a hostile file with a name to report it by. Its text is made when it is
// wanted: what this process holds counts as the peak of those that it starts.
type specimen struct {
	name string
	text func() string
}
