package tokenizer

import (
	"os"
	"path/filepath"
	"testing"
)

// benchText is 1.3 MB of English.
func benchText(b *testing.B) string {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(shared, "text/wiki.test.raw"))
	if err != nil {
		b.Skip(err)
	}
	return string(data)
}

// BenchmarkEncode encodes WikiText-2 by the tokenizers in HELIX_TOKENIZERS, and helix-demo's.
func BenchmarkEncode(b *testing.B) {
	text := benchText(b)
	dirs, _ := filepath.Glob(filepath.Join(os.Getenv("HELIX_TOKENIZERS"), "*", "vectors.json"))
	dirs = append(dirs, filepath.Join(shared, "models/helix-demo/tokenizer.json"))
	for _, file := range dirs {
		b.Run(filepath.Base(filepath.Dir(file)), func(b *testing.B) {
			tok, err := Open(filepath.Dir(file))
			if err != nil {
				b.Fatal(err)
			}
			encode(b, tok, text[:len(text)/4], false)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				encode(b, tok, text, false)
			}
		})
	}
}

// BenchmarkOpen reads whole directories.
func BenchmarkOpen(b *testing.B) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("HELIX_TOKENIZERS"), "*", "vectors.json"))
	for _, file := range files {
		b.Run(filepath.Base(filepath.Dir(file)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Open(filepath.Dir(file)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStream decodes one by one.
func BenchmarkStream(b *testing.B) {
	tok, err := Open(filepath.Join(shared, "models/helix-demo"))
	if err != nil {
		b.Skip(err)
	}
	ids := encode(b, tok, benchText(b)[:20000], false)
	b.ReportAllocs()
	for b.Loop() {
		d := tok.Stream()
		for _, id := range ids {
			d.Next(id)
		}
		d.Flush()
	}
}
