package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/server"
)

type serveCommand struct {
	Dirs     []string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"The models: model directories; or served dense: Hugging Face directories, files of GGUF, safetensors or PyTorch. Several share the memory limit: each is opened when it is asked for, and idle ones make room."`
	Listen   string   `text:"" name:"listen" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to listen; other machines reach it only if ADDRESS says so. Port 0 takes a free one."`
	Alias    []string `text:"" name:"alias" placeholder:"NAME=DIR" help:"What requests call the model of this DIR (default: its last part); with one DIR, NAME is enough. May be repeated."`
	Parallel int      `name:"parallel" default:"4" placeholder:"N" help:"Up to N texts go through the weights together; fewer where the memory limit has room for fewer."`
	Waiting  int      `name:"waiting" default:"64" placeholder:"N" help:"Up to N more wait; beyond that requests are answered with 503."`
	APIKeys  string   `input:"file" name:"api-keys" placeholder:"FILE" help:"Answer only requests with a key of this file, one a line; HELIX_API_KEY in the environment is another way."`
	Log      string   `output:"log" name:"log" placeholder:"LOG" help:"Append the receipt of every answer to this log, with hashes in place of prompts and texts."`
	Prompts  bool     `name:"log-prompts" help:"Receipts in the log have prompts and texts too, as token ids, so that they can be replayed."`
	CORS     []string `text:"" name:"cors" placeholder:"ORIGIN" help:"Let a browser's pages of this origin, as https://site.example, ask and read answers; may be repeated. Default: none."`
	modelFlags
}

func (c *serveCommand) Help() string {
	return "Examples:\n  helix-substrate serve smollm2\n  helix-substrate serve smollm2 --memory 2GiB --listen 0.0.0.0:8080 --api-keys keys.txt\n  helix-substrate serve smollm2 qwen3 --alias small=smollm2 --memory 4GiB\n\nThen, of any client of OpenAI's API:\n  curl localhost:8080/v1/chat/completions -d '{\"model\": \"smollm2\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'"
}

// grace is how long texts under way may go on after SIGINT or SIGTERM; a second signal ends them at once.
const grace = 10 * time.Second

// patience is how long the verb takes to stop.
func (c *serveCommand) patience() time.Duration { return grace + patience }

func (c *serveCommand) Run(env *environment) error {
	if c.Parallel < 1 || c.Parallel > 1024 {
		return usageError(fmt.Sprintf("--parallel %d is not in 1..1024", c.Parallel))
	}
	if c.Waiting < 0 {
		return usageError("--waiting must not be negative")
	}
	if c.Prompts && c.Log == "" {
		return usageError("--log-prompts: name the log with --log")
	}
	keys, err := c.keys()
	if err != nil {
		return err
	}
	options, err := c.options()
	if err != nil {
		return err
	}
	if _, err := net.ResolveTCPAddr("tcp", c.Listen); err != nil {
		return usageError(fmt.Sprintf("--listen %s is no address, such as 127.0.0.1:8080: %v", c.Listen, err))
	}
	if err := server.CheckOrigins(c.CORS); err != nil {
		return usageError("--cors: " + err.Error())
	}
	l, err := net.Listen("tcp", c.Listen) // first: an address that is taken shows before a model is read
	if err != nil {
		return err
	}
	defer l.Close()
	waiting := c.Waiting
	if waiting == 0 {
		waiting = -1
	}
	c.policy(env)
	names, err := c.names()
	if err != nil {
		return err
	}
	var models []server.Entry
	for i, dir := range c.Dirs {
		models = append(models, server.Entry{Path: dir, ModelOptions: server.ModelOptions{Name: names[i], Engine: options, Parallel: c.Parallel, Waiting: waiting}})
	}
	library, err := server.NewLibrary(env.ctx, models)
	if err != nil {
		return err
	}
	defer library.Close()
	serves := strings.Join(library.Names(), ", ") + " on http://" + l.Addr().String() + ": "
	if len(models) == 1 { // what is wrong with it shows now
		m, release, err := library.Use(env.ctx, library.Names()[0])
		if err != nil {
			return err
		}
		release()
		env.notes(m.Notes)
		if m.Parallel < c.Parallel {
			env.note(fmt.Sprintf("the memory limit has room for %d texts at a time, not %d", m.Parallel, c.Parallel))
		}
		serves += fmt.Sprintf("context %d, %d texts at a time, %s planned", m.Plan().Context, m.Parallel, memory.FormatSize(m.Plan().Total()))
	} else {
		serves += "each is opened when it is asked for"
	}
	s, err := server.NewOf(library, server.Options{
		Keys: keys, Origins: c.CORS, Log: slog.New(slog.NewTextHandler(env.stderr, nil)), ReceiptLog: c.Log, LogPrompts: c.Prompts, Version: programVersion(),
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(env.stdout, serves)
	if err := s.Serve(env.ctx, l, grace); err != nil {
		return err
	}
	peak, text := c.peakMemory()
	fmt.Fprintln(env.stderr, text)
	c.warnOfPeak(env, peak)
	return nil
}

// names are what requests call the models; "" where no alias says so.
func (c *serveCommand) names() ([]string, error) {
	names := make([]string, len(c.Dirs))
	for _, alias := range c.Alias {
		name, dir, ok := strings.Cut(alias, "=")
		if !ok && len(c.Dirs) == 1 {
			dir = c.Dirs[0]
		}
		i := slices.Index(c.Dirs, dir)
		if name == "" || i < 0 {
			return nil, usageError(fmt.Sprintf("--alias %q is not NAME=DIR, of a DIR that is served", alias))
		}
		names[i] = name
	}
	return names, nil
}

// keys are those that are answered; nil where none are asked for.
func (c *serveCommand) keys() ([]string, error) {
	var keys []string
	if key, ok := os.LookupEnv("HELIX_API_KEY"); ok {
		if strings.TrimSpace(key) == "" {
			return nil, usageError("HELIX_API_KEY is empty: give it a key, or unset it to ask for none")
		}
		keys = append(keys, key)
	}
	if c.APIKeys == "" {
		return keys, nil
	}
	list, err := server.ReadKeys(c.APIKeys)
	return append(keys, list...), err
}
