package record

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestCanonVersion: where a replay of another version's run differs, the error names both versions; what agrees, agrees.
func TestCanonVersion(t *testing.T) {
	dir := convertDemo(t)
	claims := forward(t, dir)
	if claims.CanonVersion != transformer.CanonVersion {
		t.Fatalf("%+v", claims)
	}
	right := claims.LogitsSHA256[1]
	for _, c := range []struct {
		version int
		logits  string
		names   string // the error does; "" if it is none
	}{
		{transformer.CanonVersion, right, ""},
		{0, right, ""},
		{transformer.CanonVersion, claims.LogitsSHA256[0], "token 1"},
		{0, claims.LogitsSHA256[0], "version 1"},
		{99, claims.LogitsSHA256[0], "version 99"},
	} {
		claims.CanonVersion, claims.LogitsSHA256[1] = c.version, c.logits
		err := replayForward(t, dir, claims)
		switch {
		case c.names == "" && err != nil:
			t.Errorf("version %d: %v", c.version, err)
		case c.names != "" && (!errors.Is(err, ErrReplay) || !strings.Contains(err.Error(), c.names)):
			t.Errorf("version %d, other logits: %v", c.version, err)
		case c.version == transformer.CanonVersion && err != nil && strings.Contains(err.Error(), "version"):
			t.Errorf("the same version: %v", err)
		}
	}
}

// TestForwardWithoutTokenizer: ids need none, nor does their replay.
func TestForwardWithoutTokenizer(t *testing.T) {
	dir := t.TempDir()
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	if err := replayForward(t, dir, forward(t, dir)); err != nil {
		t.Error(err)
	}
}

// forward returns what is claimed of three tokens in the model at dir.
// TestForwardDamaged: logits that are no numbers are an error, and no file.
func TestForwardDamaged(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "y.npy")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(dir, "model.safetensors")
	f, err := safetensors.Open(weights)
	if err != nil {
		t.Fatal(err)
	}
	var entries []safetensors.Entry
	for _, x := range f.Tensors() {
		data := make([]byte, x.Size())
		if err := x.ReadRaw(t.Context(), data, 0); err != nil {
			t.Fatal(err)
		}
		if x.Name == "model.norm.weight" {
			binary.LittleEndian.PutUint16(data, 0x7fc0)
		}
		entries = append(entries, safetensors.Entry{Name: x.Name, DType: x.DType, Shape: x.Shape, Data: data})
	}
	if err := errors.Join(f.Close(), os.Remove(weights), safetensors.Create(weights, entries, nil)); err != nil {
		t.Fatal(err)
	}
	o := transformer.Options{Context: 16}
	m, err := transformer.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := ForwardFile(t.Context(), m, s, o, nil, []int{1, 2, 3}, out); !errors.Is(err, generate.ErrLogits) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("a file was written: %v", err)
	}
}

func forward(t *testing.T, dir string) *receipt.ForwardClaims {
	t.Helper()
	of, err := Fingerprint(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	o := transformer.Options{Context: 16}
	m, err := transformer.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	claims, _, err := Forward(t.Context(), m, s, o, of, []int{1, 2, 3}, func(int, []float32) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// replayForward replays a receipt of claims.
func replayForward(t *testing.T, dir string, claims *receipt.ForwardClaims) error {
	t.Helper()
	operation, err := forwardOperation(claims)
	if err != nil {
		t.Fatal(err)
	}
	r := receipt.NewRecorder(time.Now())
	r.Add(operation)
	e, err := r.Receipt(claims, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Replay(t.Context(), e, ReplayOptions{Name: "it", Model: dir})
	return err
}

// TestReplayedString: one of a thing is not told as several.
func TestReplayedString(t *testing.T) {
	for want, r := range map[string]Replayed{
		"1 turn and the logits of 2 tokens have the same hashes, in 1.5 s": {Operation: receipt.OpGenerate, Turns: 1, Tokens: 2, Took: 1500 * time.Millisecond},
		"the logits of 1 token have the same hashes":                       {Operation: receipt.OpForward, Tokens: 1},
		"the conversion gives the same 3 files":                            {Operation: receipt.OpConvert, Files: 3},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
