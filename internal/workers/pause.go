//go:build (amd64 || arm64) && !noasm

package workers

// pause lets a core rest in a loop, so that what shares it goes ahead.
//
//go:noescape
func pause()
