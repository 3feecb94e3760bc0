// Command pack fills demo/data from a checkpoint directory: weights as
// Zstandard frames, all else as it is.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: pack CHECKPOINT DATA")
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func pack(src, dst string) error {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	for _, name := range []string{"config.json", "generation_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"} {
		b, err := os.ReadFile(filepath.Join(src, name))
		if err != nil {
			return err
		}
		if filepath.Ext(name) == ".safetensors" {
			name, b = name+".zst", encoder.EncodeAll(b, nil)
		}
		if err := os.WriteFile(filepath.Join(dst, name), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}
