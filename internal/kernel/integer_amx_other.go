//go:build amd64 && !linux && !noasm

package kernel

// amxAllowed: not known how to ask.
func amxAllowed() bool { return false }
