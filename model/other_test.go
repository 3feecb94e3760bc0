package model

import (
	"errors"
	"strings"
	"testing"
)

// TestOtherManifests: manifests of other programs may say more, and null for what they do
// not know; what two readers could take for two things is refused, with its place.
func TestOtherManifests(t *testing.T) {
	const tensor = `{"format": "npy", "file": "w.npy", "shape": [2, 3], "dtype": "<f4"}`
	for _, text := range []string{
		`{"tensors": {"w": ` + tensor + `}}`,
		`{"cdna_version": {"major": 2}, "tensors": {"w": ` + tensor[:len(tensor)-1] + `, "sha256": null, "note": null}}, "model_id": null}`,
		`{"shards": [{"tensor_name": "w", "path": "w.hxz", "shape": [2, 3], "outlier_sidecar_path": null, "extra": [1]}], "sidecar_dir": "s"}`,
	} {
		m, err := parseManifest([]byte(text))
		if err != nil || m.Tensors["w"].Name != "w" {
			t.Errorf("%s: %v, %v", text, m, err)
		}
	}
	for text, says := range map[string]string{
		`{"tensors": {"w": ` + tensor + `, "w": ` + tensor + `}}`:                                   `key "w" appears twice`,
		`{"tensors": {}, "tensors": {"w": ` + tensor + `}}`:                                         `key "tensors" appears twice`,
		`{"Tensors": {"w": ` + tensor + `}}`:                                                        `"Tensors" in place of "tensors"`,
		`{"tensors": {"w": ` + strings.Replace(tensor, `"file"`, `"File"`, 1) + `}}`:                `"File" in place of "file"`,
		`{"tensors": {"w": ` + strings.Replace(tensor, `"shape"`, `"Shape": [], "shape"`, 1) + `}}`: `"Shape" in place of "shape"`,
		`{"tensors": {"w": ` + strings.Replace(tensor, `3]`, `9223372036854775808]`, 1) + `}}`:      `byte`,
		`{"tensors": {"w": ` + tensor + `}, "x": {"a": 1, "a": 2}}`:                                 `key "a" appears twice`,
		`{"tensors": {"w": ` + tensor + `}} {}`:                                                     `follows the end`,
		`{"tensors": {"w": ` + tensor + `}, "stats": {"overall_ratio": 1e999}}`:                     `finite`,
		"{\"tensors\": {\"\xff\": " + tensor + `}}`:                                                 `UTF-8`,
		`{"shards": [{"tensor_name": "w", "Path": "w.hxz", "path": "v.hxz", "shape": [2, 3]}]}`:     `"Path" in place of "path"`,
	} {
		if _, err := parseManifest([]byte(text)); !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}
