package memory_test

import (
	"encoding"
	"errors"
	"flag"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/memory"
	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4096": 4096, "17B": 17, "17 b": 17, "512MiB": 512 << 20, "1.5GiB": 3 << 29, "300MB": 300e6, "0.1 kb": 100,
		" 2 TiB ": 2 << 40, "1tb": 1e12, "64k": 64 << 10, "1M": 1 << 20, "3G": 3 << 30, "1T": 1 << 40, "512mib": 512 << 20,
		"0.1MiB": 104857, "1.9": 1, "0.0000000001GiB": 0, "9223372036854775807": math.MaxInt64, "007": 7,
	} {
		got, err := memory.ParseSize(text)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]error{
		"": memory.ErrSizeSyntax, " ": memory.ErrSizeSyntax, "MiB": memory.ErrSizeSyntax, ".5MiB": memory.ErrSizeSyntax, "1.MiB": memory.ErrSizeSyntax,
		"1.2.3MiB": memory.ErrSizeSyntax, "-1": memory.ErrSizeSyntax, "+1": memory.ErrSizeSyntax, strings.Repeat("9", 41): memory.ErrSizeSyntax,
		"1e3": memory.ErrSizeUnit, "1 PiB": memory.ErrSizeUnit, "1Mb/s": memory.ErrSizeUnit, "1 M iB": memory.ErrSizeUnit, "0x10": memory.ErrSizeUnit,
		"9223372036854775808": memory.ErrSizeRange, "8388608TiB": memory.ErrSizeRange,
	} {
		if got, err := memory.ParseSize(text); !errors.Is(err, want) || got != 0 {
			t.Errorf("%q: %d, %v, want %v", text, got, err, want)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for _, c := range []struct {
		n        int64
		near, up string
	}{
		{0, "0B", "0B"}, {1023, "1023B", "1023B"}, {1024, "1KiB", "1KiB"}, {1025, "1.0KiB", "1.1KiB"},
		{512 << 20, "512MiB", "512MiB"}, {3 << 29, "1.5GiB", "1.5GiB"}, {512<<20 + 1, "512.0MiB", "512.1MiB"},
		{1<<20 - 1, "1.0MiB", "1.0MiB"}, {1 << 20, "1MiB", "1MiB"}, {1<<30 - 1, "1.0GiB", "1.0GiB"}, {5 << 40, "5TiB", "5TiB"},
		{1 << 52, "4096TiB", "4096TiB"}, {math.MaxInt64, "8388608.0TiB", "8388608.0TiB"}, {math.MinInt64, "-8388608TiB", "-8388608TiB"}, {-1536, "-1.5KiB", "-1.5KiB"},
	} {
		if near, up := memory.FormatSize(c.n), memory.FormatSizeUp(c.n); near != c.near || up != c.up {
			t.Errorf("%d: %s and %s, want %s and %s", c.n, near, up, c.near, c.up)
		}
	}
}

func TestFormatParseSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<62).Draw(t, "n") >> rapid.IntRange(0, 62).Draw(t, "shift")
		near, err := memory.ParseSize(memory.FormatSize(n))
		if err != nil || math.Abs(float64(near-n)) > 0.06*float64(n) {
			t.Fatalf("%d is %s is %d (%v)", n, memory.FormatSize(n), near, err)
		}
		up, err := memory.ParseSize(memory.FormatSizeUp(n))
		if err != nil || up < n || float64(up-n) > 0.11*float64(n) {
			t.Fatalf("%d is at most %s is %d (%v)", n, memory.FormatSizeUp(n), up, err)
		}
	})
}

func TestSize(t *testing.T) {
	var s memory.Size
	var _ encoding.TextUnmarshaler = &s
	if err := s.UnmarshalText([]byte("1.5KiB")); err != nil || s != 1536 || s.String() != "1.5KiB" {
		t.Errorf("%v %v", s, err)
	}
	for _, none := range []string{"0", "0MiB", "0.4"} {
		if err := s.UnmarshalText([]byte(none)); !errors.Is(err, memory.ErrSizeZero) || s != 1536 {
			t.Errorf("%q: %v, %v", none, s, err)
		}
	}
	if err := s.UnmarshalText([]byte("much")); err == nil || s != 1536 {
		t.Errorf("%v %v", s, err)
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"512MiB", "1.5 GiB", "4096", "0.1kb", "1e9", ".", "٣MiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := memory.ParseSize(text); n < 0 || err != nil && n != 0 {
			t.Fatalf("%q: %d, %v", text, n, err)
		}
	})
}

func ExampleParseSize() {
	limit, err := memory.ParseSize("1.5GiB")
	fmt.Println(limit, err, memory.FormatSize(limit/4))
	_, err = memory.ParseSize("12 parsecs")
	fmt.Println(err)
	// Output:
	// 1610612736 <nil> 384MiB
	// "12 parsecs": unknown unit; use B, KiB, MiB, GiB, TiB (1024) or KB, MB, GB, TB (1000)
}

// TestSizeText: a size that is written is the same when it is read, and fits the flags of the
// standard library.
func TestSizeText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := memory.Size(rapid.Int64Range(1, math.MaxInt64).Draw(t, "n") >> rapid.IntRange(0, 62).Draw(t, "shift"))
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got memory.Size
		if err := got.UnmarshalText(text); want > 0 && (err != nil || got != want) {
			t.Fatalf("%d is %s is %d, %v", want, text, got, err)
		}
	})
	var got memory.Size
	f := flag.NewFlagSet("", flag.ContinueOnError)
	f.TextVar(&got, "memory", memory.Size(1<<20), "")
	if err := f.Parse([]string{"-memory", "3MiB"}); err != nil || got != 3<<20 || f.Lookup("memory").DefValue != "1MiB" {
		t.Errorf("%v, %v", got, err)
	}
}
