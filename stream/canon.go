package stream

import "fmt"

// Canon is the arithmetic of products X @ Wᵀ with lattice matrices, on which their bits depend; nothing else does
// (docs/KERNELS.md). All other products follow CanonFloat.
type Canon string

// The canons.
const (
	// CanonInteger rounds the scaled vectors to 8 bits, with a scale for each group of columns, and sums the products with
	// the matrix's integers exactly. It is what an empty Canon means.
	CanonInteger Canon = "int8"
	// CanonFloat multiplies float32 values, in a fixed order.
	CanonFloat Canon = "f32"
)

// ParseCanon returns the canon of that name, CanonInteger for an empty one. Errors are ErrOption.
func ParseCanon(name string) (Canon, error) {
	switch c := Canon(name); c {
	case "":
		return CanonInteger, nil
	case CanonInteger, CanonFloat:
		return c, nil
	}
	return "", fmt.Errorf("canon %.20q is not %s or %s: %w", name, CanonInteger, CanonFloat, ErrOption)
}
