//go:build !noasm

package kernel

//go:generate sh -c "cd _gen && go run . -peaks -out ../peak_amd64.s -stubs ../peak_stubs_amd64.go -pkg kernel"

func peaksOf(k *Kernels) (float, integer Peak) {
	switch k.level {
	case AVX2:
		float = Peak{"VFMADD231PS", 12 * 8, peakFMAAVX2}
	case AVX512, VBMI:
		float = Peak{"VFMADD231PS", 12 * 16, peakFMAAVX512}
	}
	switch {
	case k.integer == nil:
	case k.integer.features == integerAVX2.features:
		integer = Peak{"VPMADDUBSW", 8 * 32, peakMADDAVX2}
	default:
		integer = Peak{"VPDPBUSD", 12 * 64, peakVPDPBUSD}
	}
	return float, integer
}
