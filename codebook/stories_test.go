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

// huffmanBits is the size of idx in a Huffman code of at most 11 bits, per weight.
func huffmanBits(idx []byte) float64 {
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
	huffmanCode(11)(bits, used)
	var sum float64
	for j, n := range used {
		sum += n * bits[j]
	}
	return sum / float64(len(idx))
}

// TestStories checks what the methods reach on real weights; the limits leave room for the files' own overhead of about
// 0.09 bits per weight below 4.0 and 6.2.
func TestStories(t *testing.T) {
	matrices := storiesMatrices(t)
	for _, c := range []struct {
		name    string
		options Options
		snr     float64
		entropy float64
	}{
		{"21.2 dB", Options{SNR: 21.2}, 21.2, 3.80},
		{"34.8 dB", Options{SNR: 34.8}, 34.8, 6.06},
		{"35 dB, full precision", Options{FullPrecision: true}, 35, 6.10},
		{"kmeans", Options{Method: KMeans}, 40, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			var weights, entropy, huffman, sidecar, most float64
			least := math.Inf(1)
			for _, m := range matrices {
				book, idx, f := quantized(t, m.data, c.options)
				n := float64(len(idx))
				weights += n
				entropy += n * indexEntropy(idx)
				huffman += n * huffmanBits(idx)
				least, most = min(least, f.SNR), max(most, f.SNR)
				if !math.IsInf(float64(book.ClipMax), 1) {
					sidecar++
				}
			}
			t.Logf("entropy %.4f bits, Huffman %.4f, SNR %.4f to %.4f dB, %v sidecars", entropy/weights, huffman/weights, least, most, sidecar)
			if least < c.snr {
				t.Errorf("a matrix has %.3f dB, not %v", least, c.snr)
			}
			if c.options.Method != KMeans && most > c.snr+0.02 {
				t.Errorf("a matrix has %.3f dB, wastefully above %v", most, c.snr)
			}
			if entropy/weights > c.entropy {
				t.Errorf("entropy %.4f bits exceeds %v", entropy/weights, c.entropy)
			}
		})
	}
}
