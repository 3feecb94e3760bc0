// Command attack tries to break the program as a hostile or unlucky world would:
//
//	go run ./internal/attack                  # all attacks, in short
//	go run ./internal/attack -n 500 kills     # one, so many times
//
// kills ends conversions by SIGKILL at random moments, flips damages every file of
// model directories, hostile gives it templates and tokenizers made to hang it, limits
// runs it within memory limits, the smallest that it names among them. Each
// works on the built-in demo model, with the real binary, in a temporary folder;
// findings are printed as they come, with the seed that gives them again, and the exit
// code says whether there were any.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"
)

// attack is a kind, with how many tries it makes in short.
type attack struct {
	name  string
	short int
	run   func(ctx context.Context, a *arena, tries int) error
}

var attacks = []attack{
	{"kills", 25, kills},
	{"flips", 300, flips},
	{"hostile", 60, hostile},
	{"limits", 28, limits},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}

// errFindings ends a run in which something got through.
var errFindings = errors.New("something got through")

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("attack", flag.ContinueOnError)
	n := flags.Int("n", 0, "tries of each attack; 0: few")
	seed := flags.Uint64("seed", uint64(time.Now().UnixNano()), "chooses the tries")
	binary := flags.String("binary", "", "the program to attack (default: built from this module)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted := flags.Args()
	for _, name := range wanted {
		if !slices.ContainsFunc(attacks, func(a attack) bool { return a.name == name }) {
			return fmt.Errorf("there is no attack %q", name)
		}
	}
	a, err := newArena(ctx, *binary, *seed)
	if err != nil {
		return err
	}
	defer a.close()
	for _, attack := range attacks {
		if len(wanted) > 0 && !slices.Contains(wanted, attack.name) {
			continue
		}
		tries := attack.short
		if *n > 0 {
			tries = *n
		}
		start := time.Now()
		before := a.findings
		a.slowest, a.largest = 0, 0
		if err := attack.run(ctx, a, tries); err != nil {
			return fmt.Errorf("%s: %w", attack.name, err)
		}
		fmt.Printf("%s: %d tries, %d got through; the slowest took %.2f s, the largest %d MiB; %.0f s (seed %d)\n",
			attack.name, tries, a.findings-before, a.slowest.Seconds(), a.largest>>20, time.Since(start).Seconds(), *seed)
	}
	if a.findings > 0 {
		return fmt.Errorf("%d findings: %w", a.findings, errFindings)
	}
	return nil
}
