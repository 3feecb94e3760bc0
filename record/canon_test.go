package record

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestCanonVersion: where a replay of another version's run differs, the error names both versions; what agrees, agrees.
func TestCanonVersion(t *testing.T) {
	dir, o := convertDemo(t), transformer.Options{Context: 16}
	of, err := Fingerprint(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
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
	if err != nil || claims.CanonVersion != transformer.CanonVersion {
		t.Fatalf("%+v, %v", claims, err)
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
