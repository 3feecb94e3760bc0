//go:build !linux

package procmem

// TrimProgram gives back the memory of the program's own code and constants that
// only starting up has needed: here, nothing.
func TrimProgram() error { return nil }
