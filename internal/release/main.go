// Command release makes the packages of a release:
//
//	go run ./internal/release -o dist
//
// For each platform the program is built once; an archive, a Python wheel and, of Linux, a
// Debian package and a container image hold the same file. All bytes depend on the source
// and Go's version alone, not on the machine, the folder or the time (docs/PACKAGING.md).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	out := flags.String("o", "", "the directory to make, which must not exist yet")
	only := flags.String("platform", "", "only these, such as linux/amd64,darwin/arm64 (default: all six)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" || flags.NArg() > 0 {
		return fmt.Errorf("usage: release -o DIST [-platform LIST]")
	}
	platforms := all
	if *only != "" {
		platforms = nil
		for name := range strings.SplitSeq(*only, ",") {
			p, err := find(name)
			if err != nil {
				return err
			}
			platforms = append(platforms, p)
		}
	}
	s, err := openSource(ctx)
	if err != nil {
		return err
	}
	if err := os.Mkdir(*out, 0o777); err != nil {
		return err
	}
	d := &dist{dir: *out}
	if err := makeAll(ctx, d, s, platforms); err != nil {
		return err
	}
	return d.writeSums()
}

// makeAll makes every package of the platforms. Programs are held one at a time, but for
// those of the image.
func makeAll(ctx context.Context, d *dist, s *source, platforms []platform) error {
	var image []program
	for _, p := range platforms {
		built, err := s.build(ctx, p)
		if err != nil {
			return err
		}
		d.programs = append(d.programs, sum{digest(built.data), p.String()})
		if err := writeArchive(d, s, built); err != nil {
			return err
		}
		if err := writeWheel(d, s, built); err != nil {
			return err
		}
		if p.os != "linux" {
			continue
		}
		if err := writeDeb(d, s, built); err != nil {
			return err
		}
		image = append(image, built)
	}
	if len(image) == 0 {
		return nil
	}
	return writeImage(d, image)
}
