//go:build !amd64 || noasm

package rans

func (d *Decoder) fill(f *Frequencies) { d.fillPortable(f) }

// steps decodes whole steps of 32 symbols as long as there are words for all
// states, and returns how many symbols that were.
func (d *Decoder) steps([]byte) int { return 0 }
