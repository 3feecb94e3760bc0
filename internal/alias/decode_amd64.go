//go:build !noasm

package alias

import "golang.org/x/sys/cpu"

//go:generate sh -c "cd ../kernel/_gen && go run . -alias -out ../../alias/decode_amd64.s -stubs ../../alias/stubs_amd64.go -pkg alias"

// hasVector says whether decodeVector can run.
var hasVector = cpu.X86.HasAVX2 && cpu.X86.HasPOPCNT

// decodeVector is decodeAVX2.
func decodeVector(dst *byte, quads int, words *byte, left int, states *[lanes]uint32, tables, plan, raw *byte) (done, taken, rawTaken int) {
	return decodeAVX2(dst, quads, words, left, states, tables, plan, raw, &spread)
}
