package provenance

import (
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
)

// FuzzParse: nothing ends the program, and what is read, of provenance or a bill of materials, can be written.
func FuzzParse(f *testing.F) {
	m := &model.Manifest{
		Repository: "owner/a name@ABCDEF", Options: map[string]any{"method": "entropy", "snr": 35.0}, Sources: []model.File{{File: "model.safetensors", SHA256: strings.Repeat("cd", 32)}},
	}
	made := &convert.Finished{Manifest: m, ManifestFile: model.File{File: model.ManifestName, SHA256: strings.Repeat("ef", 32)}, Signature: &convert.SourceSignature{SHA256: strings.Repeat("01", 32), KeyID: "key"}}
	files, err := Files(f.Context(), made, &Builder{Version: model.Version, SHA256: strings.Repeat("ab", 32)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(files[Name])
	f.Add(files[BOMName])
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"","sig":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		p, err := parse(t.Context(), document, nil)
		if err != nil {
			p, err = parseBOM(document)
		}
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			return
		}
		said := &convert.Finished{Manifest: m, ManifestFile: made.ManifestFile, Signature: p.signature}
		s, err := statement(said, &p.builder)
		if err == nil {
			_, err = s.Canonical()
		}
		if err == nil {
			_, err = billOfMaterials(said, &p.builder)
		}
		if err != nil {
			t.Errorf("%s: %v", document, err)
		}
	})
}
