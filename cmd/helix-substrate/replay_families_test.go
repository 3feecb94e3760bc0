package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestReplayFamilies: receipts of mixtures of experts and of hybrids replay as those of dense models do, with other threads and
// plain Go, and not once what they claim is another's.
func TestReplayFamilies(t *testing.T) {
	t.Parallel()
	for _, family := range []string{"mixtral", "gpt_oss-tied", "deepseek_v3-tied", "qwen3_5_moe_text-tied", "falcon_h1", "nemotron_h-experts", "lfm2_moe", "granitemoehybrid-mamba"} {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			in := func(name string) string { return filepath.Join(dir, name) }
			source := filepath.Join("../../transformer/testdata/fixtures", family)
			for _, args := range [][]string{
				{"convert", source, "-o", in("model"), "-q"},
				{"forward", in("model"), "--ids", "1,2,3,5,8,13,21", "-o", in("y.npy"), "--receipt", in("r.json")},
				{"receipt", "replay", in("r.json")},
				{"receipt", "replay", in("r.json"), "--threads", "1", "--cpu", "generic"},
			} {
				if code, output := invoke(args...); code != 0 {
					t.Fatalf("%s: exit code %d\n%s", strings.Join(args, " "), code, output)
				}
			}
			forged := forge(t, in("r.json"), func(claims map[string]any) {
				logits := claims["logits_sha256"].([]any)
				logits[6] = logits[5]
			})
			if code, output := invoke("receipt", "replay", forged); code != exitFailure || !strings.Contains(output, "token 6") {
				t.Errorf("other logits: exit code %d\n%s", code, output)
			}
		})
	}
}
