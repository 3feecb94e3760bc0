package transformer

import (
	"errors"
	"slices"
	"testing"
)

// TestSessionTokens: a session knows its own tokens, whatever became of calls that failed.
func TestSessionTokens(t *testing.T) {
	m := openModel(t, convertDemo(t), Options{Context: 12, Chunk: 3})
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check := func(want ...int) {
		t.Helper()
		if got := s.Tokens(); !slices.Equal(got, want) || s.Position() != len(want) {
			t.Fatalf("tokens %v at position %d, want %v", got, s.Position(), want)
		}
	}
	forward := func(want error, ids ...int) {
		t.Helper()
		if err := s.Forward(t.Context(), ids, len(ids), nil); !errors.Is(err, want) {
			t.Fatalf("%v: %v, want %v", ids, err, want)
		}
	}
	check()
	forward(nil, 1, 2, 3, 4, 5)
	s.Tokens()[0] = 99 // the caller's
	check(1, 2, 3, 4, 5)
	forward(ErrToken, 6, -1)
	forward(ErrContext, 6, 7, 8, 9, 10, 11, 12, 13)
	check(1, 2, 3, 4, 5)
	s.Reset(7)
	check(1, 2, 3, 4, 5)
	s.Reset(2)
	check(1, 2)
	forward(nil, 8)
	check(1, 2, 8)
	s.Reset(-1)
	check()
}
