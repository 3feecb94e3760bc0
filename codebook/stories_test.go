package codebook

import (
	"math"
	"testing"
)

// indexEntropy is the order-0 entropy of idx in bits.
func indexEntropy(idx []byte) float64 {
	var count [256]float64
	for _, i := range idx {
		count[i]++
	}
	var sum float64
	for _, n := range count {
		if n > 0 {
			sum -= n * math.Log2(n/float64(len(idx)))
		}
	}
	return sum / float64(len(idx))
}

// huffmanBits is the size of idx in a Huffman code with words of at most longest bits, per weight.
func huffmanBits(idx []byte, longest int) float64 {
	var count [256]float64
	for _, i := range idx {
		count[i]++
	}
	var used []float64
	for _, n := range count {
		if n > 0 {
			used = append(used, n)
		}
	}
	bits := make([]float64, len(used))
	huffmanCode(longest)(bits, used)
	var sum float64
	for j, n := range used {
		sum += n * bits[j]
	}
	return sum / float64(len(idx))
}

// TestStories checks what the methods reach on real weights; the limits leave room for the files' own overhead of about
// 0.09 bits per weight below 4.0 and 6.2.
func TestStories(t *testing.T) {
	if testing.Short() {
		t.Skip("designs for 42 matrices, 13 times")
	}
	matrices := storiesMatrices(t)
	for _, c := range []struct {
		name    string
		options Options
		snr     float64 // least of any matrix
		entropy float64 // most, over all matrices
	}{
		{"16.9 dB", Options{SNR: 16.9}, 16.9, 3.08},
		{"21.2 dB", Options{SNR: 21.2}, 21.2, 3.80},
		{"22.9 dB", Options{SNR: 22.9}, 22.9, 4.07},
		{"28.9 dB", Options{SNR: 28.9}, 28.9, 5.07},
		{"34.8 dB", Options{SNR: 34.8}, 34.8, 6.06},
		{"35 dB", Options{}, 35, 6.10},
		{"35 dB, float32 values", Options{FullPrecision: true}, 35, 6.10},
		{"35 dB, 15-bit code words", Options{LongestCode: 15}, 35, 6.10},
		{"40 dB", Options{SNR: 40}, 40, 6.95},
		{"4 bits", Options{Bits: 4}, 22.3, 4},
		{"kmeans", Options{Method: KMeans}, 42, 8},
		{"kmeans, float32 values", Options{Method: KMeans, FullPrecision: true}, 42, 8},
		{"uniform", Options{Method: Uniform}, 25, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			var weights, entropy, huffman, values, sidecar, most float64
			least := math.Inf(1)
			for _, m := range matrices {
				book, idx, f := quantized(t, m.data, c.options)
				n := float64(len(idx))
				weights += n
				values += float64(len(book.Values)) / float64(len(matrices))
				entropy += n * indexEntropy(idx)
				huffman += n * huffmanBits(idx, max(11, c.options.LongestCode))
				least, most = min(least, f.SNR), max(most, f.SNR)
				if !math.IsInf(float64(book.ClipMax), 1) {
					sidecar++
				}
			}
			t.Logf("entropy %.4f bits, Huffman %.4f, SNR %.3f to %.3f dB, %.0f values, %v sidecars", entropy/weights, huffman/weights, least, most, values, sidecar)
			if least < c.snr {
				t.Errorf("a matrix has %.3f dB, not %v", least, c.snr)
			}
			if wanted := c.options.Method == "" && c.options.Bits == 0; wanted && most > c.snr+0.02 {
				t.Errorf("a matrix has %.3f dB, wastefully above %v", most, c.snr)
			}
			if entropy/weights > c.entropy {
				t.Errorf("entropy %.4f bits exceeds %v", entropy/weights, c.entropy)
			}
		})
	}
}
