package checkpoint

import (
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/hub"
)

// hubHosts are what addresses of the hub begin with, besides HF_ENDPOINT's.
var hubHosts = []string{"huggingface.co", "www.huggingface.co", "hf.co"}

// reference reads what a user calls a repository: owner/name, owner/name@revision,
// owner/name:Q4_K_M (a GGUF file by its quantization), all also behind hf.co/ and hf://, and addresses of
// the hub's pages and files. file is the one of its files that is meant, empty if none is said.
func reference(name string) (repo hub.Repo, file string, ok bool) {
	if text, ok := strings.CutPrefix(name, hubScheme); ok {
		text, file, _ = strings.Cut(text, ":")
		repo, err := hub.ParseRepo(text)
		return repo, file, err == nil
	}
	text, address := strings.CutPrefix(name, "https://")
	if !address {
		text, address = strings.CutPrefix(name, "http://")
	}
	host, rest, slash := strings.Cut(text, "/")
	if slash && slices.Contains(hosts(), strings.ToLower(host)) {
		text, address = rest, true
	} else if address {
		return repo, "", false // of another site
	}
	if address {
		text, _, _ = strings.Cut(text, "?")
		text, _, _ = strings.Cut(text, "#")
		parts := strings.Split(strings.Trim(text, "/"), "/")
		if len(parts) >= 4 && slices.Contains([]string{"tree", "blob", "resolve", "raw"}, parts[2]) {
			revision, err := url.PathUnescape(parts[3])
			if err != nil {
				return repo, "", false
			}
			text = parts[0] + "/" + parts[1] + "@" + revision
			if file = path.Join(parts[4:]...); !isWeights(file) {
				file = ""
			}
		} else {
			text = strings.Join(parts, "/")
		}
	}
	if file == "" {
		text, file, _ = strings.Cut(text, ":")
	}
	if !strings.ContainsAny(text, "/@") {
		return repo, "", false
	}
	repo, err := hub.ParseRepo(text)
	return repo, file, err == nil
}

// hosts are the hub's.
func hosts() []string {
	endpoint, err := url.Parse(os.Getenv("HF_ENDPOINT"))
	if err != nil || endpoint.Host == "" {
		return hubHosts
	}
	return append(slices.Clone(hubHosts), strings.ToLower(endpoint.Host))
}

// isWeights tells files that hold a model from those beside it.
func isWeights(file string) bool {
	return slices.Contains([]string{".safetensors", ".gguf", ".bin", ".pth", ".pt", ".npy"}, path.Ext(file)) ||
		strings.HasSuffix(file, ".safetensors.index.json") || strings.HasSuffix(file, ".bin.index.json")
}
