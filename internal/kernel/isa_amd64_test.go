//go:build !noasm

package kernel

import (
	"os"
	"regexp"
	"testing"
)

// TestInstructionSets: no level uses what its CPUs need not have. A register
// beyond 15 would turn an AVX2 instruction into one of AVX-512.
func TestInstructionSets(t *testing.T) {
	for file, never := range map[string]string{
		"integer_avx2_amd64.s":   `\b(Z[0-9]+|K[0-7]|[XY](1[6-9]|2[0-9]|3[01]))\b`,
		"integer_vnni_amd64.s":   `\b(VPERMB|VPERMI2B|VPERMT2B|VPMULTISHIFTQB|VPCOMPRESSB|VPSHLDD)\b`,
		"kernels_avx2_amd64.s":   `\b(Z[0-9]+|K[0-7]|[XY](1[6-9]|2[0-9]|3[01]))\b`,
		"kernels_avx512_amd64.s": `\b(VPERMB|VPERMI2B|VPERMT2B|VPMULTISHIFTQB|VPCOMPRESSB|VPSHLDD)\b`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(never).Find(text); found != nil {
			t.Errorf("%s uses %s", file, found)
		}
	}
}
