package main

import (
	"encoding/json"
	"os"
	"reflect"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// sameClaims: claims A.json B.json compares what two receipts claim.
func sameClaims(ts *testscript.TestScript, neg bool, args []string) {
	var claims [2]struct{ Claims map[string]any }
	for i := range claims {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[i])), &claims[i]))
		if len(claims[i].Claims) == 0 {
			ts.Fatalf("%s claims nothing", args[i])
		}
	}
	if reflect.DeepEqual(claims[0], claims[1]) == neg {
		ts.Fatalf("%v\n%v", claims[0], claims[1])
	}
}

// nanWeight: nanweight FILE.safetensors TENSOR makes the first value of a BF16 tensor
// NaN.
func nanWeight(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	f, err := safetensors.Open(path)
	ts.Check(err)
	defer f.Close()
	tensor, ok := f.Tensor(args[1])
	if !ok || tensor.DType != dtype.BF16 {
		ts.Fatalf("no BF16 tensor %s", args[1])
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	ts.Check(err)
	defer w.Close()
	_, err = w.WriteAt([]byte{0xc0, 0x7f}, tensor.Offset())
	ts.Check(err)
}
