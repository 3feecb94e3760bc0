//go:build !unix

package atomicfile

// syncDir does nothing: directories cannot be flushed here.
func syncDir(string) error { return nil }
