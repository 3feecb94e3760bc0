package kernel

import "fmt"

func panicf(format string, args ...any) {
	panic("kernel: " + fmt.Sprintf(format, args...))
}

// isProduct reports whether n == a·b for a, b >= 0, without overflow.
func isProduct(n, a, b int) bool {
	if a == 0 || b == 0 {
		return n == 0
	}
	return n%a == 0 && n/a == b
}

// fits reports whether count rows of width elements, ld apart, lie within n
// elements. ld must not make rows overlap.
func fits(n, count, ld, width int) bool {
	if count < 0 || width < 0 || ld < 0 {
		return false
	}
	if count == 0 || width == 0 {
		return true
	}
	if width > n {
		return false
	}
	return count == 1 || ld >= width && (n-width)/ld >= count-1
}
