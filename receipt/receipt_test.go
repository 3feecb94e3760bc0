package receipt

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHashFloat32(t *testing.T) {
	// sha256 of 00 00 80 3f 00 00 00 c0, and of nothing
	if got := HashFloat32([]float32{1, -2}); got != "ee4ac73c2bd27756ab82780f27c73a7bc4d3f0bb6acb37e008bc27eccd7e588b" {
		t.Errorf("1, -2: %s", got)
	}
	if got := HashFloat32(nil); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("nothing: %s", got)
	}
	long := make([]float32, 5000)
	long[4999] = 1
	if HashFloat32(long) == HashFloat32(make([]float32, 5000)) {
		t.Error("the last of many values does not count")
	}
}

func TestCompareVsCanonical(t *testing.T) {
	tilt := func(cosine float64) []float32 {
		return []float32{float32(cosine), float32(math.Sqrt(1 - cosine*cosine))}
	}
	for _, c := range []struct {
		y, canonical []float32
		status       string
	}{
		{[]float32{1, 0}, []float32{1, 0}, "PASS"},
		{tilt(0.9991), []float32{1, 0}, "PASS"},
		{tilt(0.9989), []float32{1, 0}, "ACCEPTABLE"},
		{tilt(0.9901), []float32{1, 0}, "ACCEPTABLE"},
		{tilt(0.9899), []float32{1, 0}, "FAIL"},
		{[]float32{0, 0}, []float32{0, 0}, "PASS"},
		{[]float32{0, 0}, []float32{1, 0}, "FAIL"},
		{[]float32{float32(math.NaN()), 0}, []float32{1, 0}, "FAIL"},
		{[]float32{float32(math.Inf(1)), 0}, []float32{1, 0}, "FAIL"},
	} {
		got, err := CompareVsCanonical(c.y, c.canonical)
		if err != nil || got.Status != c.status {
			t.Errorf("%v and %v: %+v, %v; want %s", c.y, c.canonical, got, err, c.status)
		}
		if err := WriteJSON(new(bytes.Buffer), got); err != nil {
			t.Errorf("%+v: %v", got, err)
		}
	}
	if _, err := CompareVsCanonical([]float32{1}, nil); !errors.Is(err, ErrCompare) {
		t.Errorf("other lengths: %v", err)
	}
}

func TestGeneration(t *testing.T) {
	start := time.Unix(0, 0)
	g := NewGeneration(start)
	g.Measurements.Paths = map[string]string{"model": "tiny"}
	c := &g.Claims
	c.Restart(0) // before the first turn there is nothing to keep
	prompt := []int{1, 2, 3}
	g.AddTurn(Turn{PromptIDs: prompt, OutputIDs: []int{4, 5}, Stop: "length", LogitsSHA256: []string{"aa", "bb"}}, "abc", time.Second, 2*time.Second, nil)
	prompt[0] = 9
	if got := c.TokenIDs(); !slices.Equal(got, []int{1, 2, 3, 4, 5}) {
		t.Errorf("after one turn: %v", got)
	}
	// sha256 of 01000000 02000000 03000000 04000000 05000000, and of abc
	if want := "4f6addc9659d6fb90fe94b6688a79f2a1fa8d36ec43f8f3e1d9b6528c448a384"; c.TokensSHA256 != want {
		t.Errorf("tokens %s, want %s", c.TokensSHA256, want)
	}
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; c.Turns[0].TextSHA256 != want {
		t.Errorf("text %s, want %s", c.Turns[0].TextSHA256, want)
	}
	c.Restart(4)
	g.AddTurn(Turn{PromptIDs: []int{6}, Stop: "error"}, "", time.Second, 0, errors.New("a block is damaged"))
	if len(c.Turns) != 2 || c.Turns[1].Keep != 4 || !slices.Equal(c.TokenIDs(), []int{1, 2, 3, 4, 6}) {
		t.Errorf("%+v: %v", c.Turns, c.TokenIDs())
	}
	c.Restart(7) // more than there is
	g.AddTurn(Turn{OutputIDs: []int{7}, Stop: "stop"}, "", 0, 0, nil)
	if got := c.TokenIDs(); !slices.Equal(got, []int{1, 2, 3, 4, 6, 7}) {
		t.Errorf("after three turns: %v", got)
	}
	s := &g.Speed
	if s.PromptTokens != 4 || s.OutputTokens != 3 || s.PromptPerSecond() != 2 || s.OutputPerSecond() != 1.5 {
		t.Errorf("%+v", s)
	}
	write := func() string {
		e, err := g.Receipt(start.Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		b, err := e.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		if e, err = ReadExecution(b); err != nil || e.Fail != 1 || e.OK != 2 {
			t.Fatalf("%+v, %v", e, err)
		}
		var back GenerationClaims
		if err := e.DecodeClaims(OpGenerate, &back); err != nil || back.TokensSHA256 != c.TokensSHA256 {
			t.Errorf("%+v, %v", back, err)
		}
		if err := e.DecodeClaims(OpVerify, &back); !errors.Is(err, ErrSchema) {
			t.Errorf("as a verification: %v", err)
		}
		return string(b)
	}
	public := write()
	for _, part := range []string{`"error_message":"after`, `"error_message":"a block is damaged"`, `"stop_ids":[]`, `"prompt_ids":[]`, `"prompt_ids":[1,2,3]`, `"model":"tiny"`} {
		if strings.Contains(public, part) == strings.Contains(part, "after") {
			t.Errorf("%s in %s", part, public)
		}
	}
	c.Private = true
	private := write()
	for _, secret := range []string{"_ids\":[4", "prompt_ids", "output_ids", "tiny"} {
		if strings.Contains(private, secret) {
			t.Errorf("%s in %s", secret, private)
		}
	}
	if len(c.TokenIDs()) != 6 {
		t.Error("the ids of a private run are lost while it runs")
	}
}
