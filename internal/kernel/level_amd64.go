//go:build amd64 && !noasm

package kernel

import "golang.org/x/sys/cpu"

//go:generate sh -c "cd _gen && go run . -level avx2 -routines ../routines_avx2_amd64.go -out ../kernels_avx2_amd64.s -stubs ../stubs_avx2_amd64.go -pkg kernel"
//go:generate sh -c "cd _gen && go run . -level avx512 -routines ../routines_avx512_amd64.go -out ../kernels_avx512_amd64.s -stubs ../stubs_avx512_amd64.go -pkg kernel"
//go:generate sh -c "cd _gen && go run . -level vbmi -routines ../routines_vbmi_amd64.go -out ../kernels_vbmi_amd64.s -stubs ../stubs_vbmi_amd64.go -pkg kernel"

func availableLevels() []Level {
	levels := []Level{Generic}
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA || !cpu.X86.HasF16C {
		return levels
	}
	levels = append(levels, AVX2)
	if !cpu.X86.HasAVX512F || !cpu.X86.HasAVX512BW || !cpu.X86.HasAVX512DQ || !cpu.X86.HasAVX512VL {
		return levels
	}
	levels = append(levels, AVX512)
	if !cpu.X86.HasAVX512VBMI {
		return levels
	}
	return append(levels, VBMI)
}

// routinesFor returns the assembly of a level, nil if it has none.
func routinesFor(l Level) *routines {
	switch l {
	case AVX2:
		return &routinesAVX2
	case AVX512:
		return &routinesAVX512
	case VBMI:
		return &routinesVBMI
	}
	return nil
}
