package memory

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

var (
	// ErrSizeSyntax reports what is not a number followed by a unit.
	ErrSizeSyntax = errors.New("not a size; write for example 512MiB, 1.5GiB, 300MB or 4096")
	// ErrSizeUnit reports an unknown unit.
	ErrSizeUnit = errors.New("unknown unit; use B, KiB, MiB, GiB, TiB (1024) or KB, MB, GB, TB (1000)")
	// ErrSizeRange reports a size above 2^63-1 bytes.
	ErrSizeRange = errors.New("size too large")
	// ErrSizeZero reports an option that asks for nothing, which is not the same as no limit.
	ErrSizeZero = errors.New("not a size; leave the option out for the default")
)

// ParseSize reads a size: digits, perhaps with a decimal point, and a unit. KiB, MiB,
// GiB, TiB count in 1024s, KB, MB, GB, TB in 1000s, the bare letters K, M, G, T in
// 1024s as elsewhere in system settings; B or nothing is bytes. Case does not
// matter and spaces may surround number and unit. A fraction of a byte is dropped,
// so that a limit is never exceeded.
func ParseSize(text string) (int64, error) {
	trimmed := strings.TrimSpace(text)
	end := strings.IndexFunc(trimmed, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
	if end < 0 {
		end = len(trimmed)
	}
	number, unit := trimmed[:end], strings.TrimSpace(trimmed[end:])
	whole, fraction, _ := strings.Cut(number, ".")
	if whole == "" || strings.Contains(fraction, ".") || strings.HasSuffix(number, ".") || len(number) > 40 {
		return 0, fmt.Errorf("%q: %w", text, ErrSizeSyntax)
	}
	factor, ok := factors[strings.ToLower(unit)]
	if !ok {
		return 0, fmt.Errorf("%q: %w", text, ErrSizeUnit)
	}
	// Exact: number = whole.fraction as an integer over a power of ten.
	n, _ := new(big.Int).SetString(whole+fraction, 10)
	n.Mul(n, big.NewInt(factor))
	n.Quo(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil))
	if !n.IsInt64() {
		return 0, fmt.Errorf("%q: %w", text, ErrSizeRange)
	}
	return n.Int64(), nil
}

var factors = map[string]int64{
	"": 1, "b": 1,
	"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}

// FormatSize prints n with a binary unit and one decimal, to the nearest: "512MiB",
// "1.5GiB", "17B". The decimal is left out only where the figure is exact.
func FormatSize(n int64) string {
	return formatSize(n, func(unit uint64) uint64 { return unit / 2 })
}

// FormatSizeUp is FormatSize rounded up, so that a limit printed for the user to copy is
// enough: ParseSize(FormatSizeUp(n)) >= n for n from 0 to 2^62.
func FormatSizeUp(n int64) string {
	return formatSize(n, func(unit uint64) uint64 { return unit - 1 })
}

// format divides by the unit after adding bias(unit) to ten times n, which says
// how to round.
func formatSize(n int64, bias func(unit uint64) uint64) string {
	sign, m := "", uint64(n)
	if n < 0 {
		sign, m = "-", -uint64(n)
	}
	if m < 1<<10 {
		return fmt.Sprintf("%s%dB", sign, m)
	}
	unit := uint64(1)
	for _, name := range []string{"KiB", "MiB", "GiB", "TiB"} {
		unit <<= 10
		if m%unit == 0 && (m/unit < 1<<10 || name == "TiB") {
			return fmt.Sprintf("%s%d%s", sign, m/unit, name)
		}
		tenths := m/unit*10 + (m%unit*10+bias(unit))/unit
		if tenths < 10<<10 || name == "TiB" {
			return fmt.Sprintf("%s%d.%d%s", sign, tenths/10, tenths%10, name)
		}
	}
	panic("unreachable")
}

// Size is a number of bytes that a command line or a text file gives, read by
// ParseSize and printed by FormatSize.
type Size int64

// String returns FormatSize of s.
func (s Size) String() string { return FormatSize(int64(s)) }

// UnmarshalText sets s by ParseSize.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := ParseSize(string(text))
	if err == nil && n == 0 {
		err = fmt.Errorf("%q: %w", text, ErrSizeZero)
	}
	if err == nil {
		*s = Size(n)
	}
	return err
}

// MarshalText is FormatSize of s where that is exact, else its bytes.
func (s Size) MarshalText() ([]byte, error) {
	text := FormatSize(int64(s))
	if n, err := ParseSize(text); err != nil || n != int64(s) {
		text = strconv.FormatInt(int64(s), 10)
	}
	return []byte(text), nil
}
