package generate

import (
	"testing"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestDrawingLevel: tokens are drawn with the kernels of HELIX_CPU, and of a model that was opened with others by those.
func TestDrawingLevel(t *testing.T) {
	t.Setenv("HELIX_CPU", "generic")
	sampler, err := NewSampler(Options{Temperature: 1})
	if err != nil {
		t.Fatal(err)
	}
	if level := sampler.weigher.kernels.Level(); level != "generic" {
		t.Errorf("HELIX_CPU=generic: %s", level)
	}
	t.Setenv("HELIX_CPU", "")
	if sampler, err = NewSampler(Options{Temperature: 1}); err != nil {
		t.Fatal(err)
	}
	m, err := transformer.Open(t.Context(), convertDemo(t), transformer.Options{Context: 16, CPU: "generic"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	b := &Batch{Model: m, Parallel: 1}
	s := NewScheduler(b, 1)
	defer s.Close()
	if level := s.group.weigher.kernels.Level(); level != "generic" {
		t.Errorf("a scheduler: %s", level)
	}
	session, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	sampler.computeWith(session.CPU())
	if level := sampler.twin().weigher.kernels.Level(); level != "generic" {
		t.Errorf("a session's: %s", level)
	}
}
