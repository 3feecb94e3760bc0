package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/hub/hubtest"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"helix-substrate": main})
}

// TestScripts runs the command line as a user does; testdata/script holds one
// script a topic.
func TestScripts(t *testing.T) {
	shared, err := filepath.Abs("../../../shared")
	if err != nil {
		t.Fatal(err)
	}
	sentencepiece, err := filepath.Abs("../../tokenizer/testdata/sentencepiece")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SHARED", shared)
			env.Setenv("SENTENCEPIECE", sentencepiece)
			env.Setenv("HELIX_CPU", os.Getenv("HELIX_CPU"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "shared" {
				_, err := os.Stat(shared)
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"npy":       makeNPY,
			"flip":      flipByte,
			"shorten":   shorten,
			"same":      sameNPY,
			"json":      jsonField,
			"code":      exitCode,
			"dry":       dryRun,
			"claims":    sameClaims,
			"nanweight": nanWeight,
			"hub":       serveHub,
			"address":   freeAddress,
		},
	})
}

// serveHub: hub ID DIR [token] serves a directory as a repository, HF_ENDPOINT and
// an empty cache set to it; with a token, as a gated one.
func serveHub(ts *testscript.TestScript, _ bool, args []string) {
	server := hubtest.NewServer()
	ts.Defer(server.Close)
	repo := server.AddRepo(args[0], os.DirFS(ts.MkAbs(args[1])))
	if len(args) > 2 {
		repo.Token, repo.Gated = args[2], true
	}
	ts.Setenv("HF_ENDPOINT", server.URL)
	ts.Setenv("HF_HOME", ts.MkAbs("hfhome-"+path.Base(args[0])))
}

// freeAddress: address NAME sets a variable to an address of this machine at which nobody listens.
func freeAddress(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

// exitCode: code N COMMAND... runs a command that must end with exit code N.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	if got := status(ts, args[1:]...); fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// status runs a command and returns its exit code.
func status(ts *testscript.TestScript, args ...string) int {
	err := ts.Exec(args[0], args[1:]...)
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// dryRun: dry SAYS ARGS... converts with these arguments, with and without --dry-run: both
// fail with the same exit code and the same line on stderr, which has SAYS in it.
func dryRun(ts *testscript.TestScript, _ bool, args []string) {
	command := append([]string{"helix-substrate", "convert"}, args[1:]...)
	dryCode := status(ts, append(command, "--dry-run")...)
	dry := ts.ReadFile("stderr")
	code := status(ts, command...)
	wet := ts.ReadFile("stderr")
	random := regexp.MustCompile(`\.[0-9a-f]{8}\.partial|at least [0-9]+MiB`) // a file's first name; what the process holds is a part of the least limit
	dry, wet = random.ReplaceAllString(dry, ""), random.ReplaceAllString(wet, "")
	if dryCode != code || code == 0 || dry != wet || !strings.Contains(dry, args[0]) {
		ts.Fatalf("%d: %s\n%d: %s\nwant one code, and %q in both", dryCode, dry, code, wet, args[0])
	}
}

// makeNPY: npy FILE gauss|nan|tails DIM... writes an array of normal values, with
// a NaN in the middle or some of them 400 times as large.
func makeNPY(ts *testscript.TestScript, _ bool, args []string) {
	n := 1
	var dims []int
	for _, a := range args[2:] {
		d, err := strconv.Atoi(a)
		ts.Check(err)
		dims = append(dims, d)
		n *= d
	}
	x := bench.Gaussian(n, 1)
	switch args[1] {
	case "nan":
		x[n/2] = float32(math.NaN())
	case "tails":
		for i := 0; i < n; i += 97 {
			x[i] *= 400
		}
	}
	ts.Check(npy.Create(ts.MkAbs(args[0]), dims, x))
}

// flipByte: flip FILE OFFSET inverts a byte; a negative offset counts from the end.
func flipByte(ts *testscript.TestScript, _ bool, args []string) {
	b := []byte(ts.ReadFile(args[0]))
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 0xff
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o666))
}

// shorten: shorten FILE BYTES cuts that many bytes off the end.
func shorten(ts *testscript.TestScript, _ bool, args []string) {
	b := []byte(ts.ReadFile(args[0]))
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b[:len(b)-n], 0o666))
}

// sameNPY: same A.npy B.npy MINCOSINE compares two arrays.
func sameNPY(ts *testscript.TestScript, _ bool, args []string) {
	a, _, err := npy.ReadFloat32(ts.MkAbs(args[0]))
	ts.Check(err)
	b, _, err := npy.ReadFloat32(ts.MkAbs(args[1]))
	ts.Check(err)
	want, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	if len(a) != len(b) {
		ts.Fatalf("%d and %d values", len(a), len(b))
	}
	if c := bench.Cosine(a, b); c < want {
		ts.Fatalf("cosine %v, want at least %v", c, want)
	}
}

// jsonField: json FILE PATH VALUE compares a field, such as stats.tensor_count.
func jsonField(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for _, key := range strings.Split(args[1], "/") {
		if list, ok := v.([]any); ok {
			i, err := strconv.Atoi(key)
			ts.Check(err)
			v = list[i]
			continue
		}
		v = v.(map[string]any)[key]
	}
	if (fmt.Sprint(v) == args[2]) == neg {
		ts.Fatalf("%s is %v", args[1], v)
	}
}
