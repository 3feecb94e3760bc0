//go:build !unix

package atomicfile

// SyncDir does nothing: directories cannot be flushed here.
func SyncDir(string) error { return nil }
