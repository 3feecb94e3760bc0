package checkpoint

import "testing"

// TestReference: what people paste means the repository that they mean.
func TestReference(t *testing.T) {
	t.Setenv("HF_ENDPOINT", "https://mirror.example:8443")
	for name, want := range map[string][2]string{
		"owner/name":                                              {"owner/name@main"},
		"owner/name@v1":                                           {"owner/name@v1"},
		"owner/name:Q4_K_M":                                       {"owner/name@main", "Q4_K_M"},
		"owner/name@v1:Q8_0":                                      {"owner/name@v1", "Q8_0"},
		"hf.co/owner/name:Q4_K_M":                                 {"owner/name@main", "Q4_K_M"},
		"huggingface.co/owner/name":                               {"owner/name@main"},
		"https://huggingface.co/owner/name":                       {"owner/name@main"},
		"https://huggingface.co/owner/name/":                      {"owner/name@main"},
		"https://huggingface.co/owner/name/tree/main":             {"owner/name@main"},
		"https://huggingface.co/owner/name/tree/refs%2Fpr%2F1":    {"owner/name@refs/pr/1"},
		"https://huggingface.co/owner/name/blob/main/m-Q4_0.gguf": {"owner/name@main", "m-Q4_0.gguf"},
		"https://huggingface.co/owner/name/resolve/v2/m.safetensors?download=true": {"owner/name@v2", "m.safetensors"},
		"https://huggingface.co/owner/name/blob/main/config.json":                  {"owner/name@main"},
		"https://huggingface.co/owner/name?library=transformers":                   {"owner/name@main"},
		"https://huggingface.co/owner/name#model-card":                             {"owner/name@main"},
		"https://mirror.example:8443/owner/name":                                   {"owner/name@main"},
		"https://huggingface.co/datasets/owner/name":                               {}, "https://example.com/owner/name": {}, "name": {}, "a/b/c": {}, "./dir": {}, `C:\dir`: {}, "": {},
		"https://huggingface.co/": {}, "https://huggingface.co/owner/name/tree/%zz": {}, "https://huggingface.co/owner/name/tree/..": {},
	} {
		repo, file, ok := reference(name)
		if ok != (want[0] != "") || ok && (repo.String() != want[0] || file != want[1]) {
			t.Errorf("%s: %s, %q, %v; want %q", name, repo, file, ok, want)
		}
	}
}
