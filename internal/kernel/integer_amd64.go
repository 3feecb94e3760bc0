//go:build amd64 && !noasm

package kernel

import "golang.org/x/sys/cpu"

//go:generate sh -c "cd _gen && go run . -integers avx2 -routines ../integer_routines_avx2_amd64.go -out ../integer_avx2_amd64.s -stubs ../integer_stubs_avx2_amd64.go -pkg kernel"
//go:generate sh -c "cd _gen && go run . -integers vnni -routines ../integer_routines_vnni_amd64.go -out ../integer_vnni_amd64.s -stubs ../integer_stubs_vnni_amd64.go -pkg kernel"
//go:generate sh -c "cd _gen && go run . -integers vbmi2 -routines ../integer_routines_vbmi2_amd64.go -out ../integer_vbmi2_amd64.s -stubs ../integer_stubs_vbmi2_amd64.go -pkg kernel"
//go:generate sh -c "cd _gen && go run . -integers amx -routines ../integer_routines_amx_amd64.go -out ../integer_amx_amd64.s -stubs ../integer_stubs_amx_amd64.go -pkg kernel"

// integerVBMI2 is integerVNNI with products of packed strips, integerAMX that with products of tile registers.
var (
	integerVBMI2 = func() integerRoutines {
		r := integerVNNI
		r.features, r.strips = "vbmi2", integerStripsVBMI2
		return r
	}()
	integerAMX = func() integerRoutines {
		r := integerVBMI2
		r.features, r.tiles = "amx", integerTilesAMX
		return r
	}()
)

// integerSets returns the assembly of the integer canon that this machine can run, the best last.
func integerSets() (sets []*integerRoutines) {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 {
		sets = append(sets, &integerAVX2)
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512VNNI {
		sets = append(sets, &integerVNNI)
		if cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VBMI2 && cpu.X86.HasBMI1 && cpu.X86.HasPOPCNT {
			sets = append(sets, &integerVBMI2)
			if amxAllowed() {
				sets = append(sets, &integerAMX)
			}
		}
	}
	return sets
}

// integerRoutinesFor returns the assembly of the integer canon for an available level, nil if it has none. CPUs with
// AVX-512 need not have VNNI: then it is that of AVX2.
func integerRoutinesFor(l Level) *integerRoutines {
	switch l {
	case AVX2:
		return &integerAVX2
	case AVX512, VBMI:
		sets := integerSets()
		return sets[len(sets)-1]
	}
	return nil
}
