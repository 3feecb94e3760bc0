// Command _gen writes the amd64 assembly of package kernel, one file per CPU
// level, and that of package alias. Run it through `go generate ./internal/kernel ./internal/alias`.
//
// A routine is put together from three parts: a machine (how wide a register
// is), a source (how 64 weights of a row come out of memory, source.go) and a
// skeleton (what is done with them: dot.go, accumulate.go, decode.go, gemm.go).
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// machine is a CPU level.
type machine struct {
	level string // as in kernel.Level
	zmm   bool   // 512-bit registers, with BW, DQ and VL
	vbmi  bool   // byte permutations across the whole register
}

var machines = []machine{
	{level: "avx2"},
	{level: "avx512", zmm: true},
	{level: "vbmi", zmm: true, vbmi: true},
}

func (m machine) suffix() string { return strings.ToUpper(m.level) }

// bytes is the size of a register.
func (m machine) bytes() int {
	if m.zmm {
		return 64
	}
	return 32
}

// parts is how many registers make up the 16 lanes.
func (m machine) parts() int { return 64 / m.bytes() }

func (m machine) reg() reg.VecVirtual {
	if m.zmm {
		return ZMM()
	}
	return YMM()
}

func main() {
	level := flag.String("level", "", "CPU level to generate")
	integer := flag.String("integers", "", "CPU features to generate the integer canon for, instead of a level")
	table := flag.String("routines", "", "file for the Go table of routines")
	yardsticks := flag.Bool("peaks", false, "generate the yardsticks, instead of a level")
	decoder := flag.Bool("alias", false, "generate package alias's decoder, instead of a level")
	flag.Parse()
	if *yardsticks {
		peaks()
		Generate()
		return
	}
	if *decoder {
		aliasDecoder()
		Generate()
		return
	}
	for _, m := range machines {
		if m.level == *level {
			ConstraintExpr("!noasm")
			r := &routines{m: m}
			r.generate()
			if err := os.WriteFile(*table, r.source(), 0o666); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			Generate()
			return
		}
	}
	for _, m := range integerMachines {
		if m.level == *integer {
			ConstraintExpr("!noasm")
			if err := os.WriteFile(*table, integers(m), 0o666); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			Generate()
			return
		}
	}
	fmt.Fprintf(os.Stderr, "unknown level %q\n", *level+*integer)
	os.Exit(2)
}
