package hub_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/hub"
)

func TestFromEnvironment(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("home/token", "from-home\n")
	token := write("elsewhere", "  from-path\r\n")
	bad := write("bad", "two words")
	home := filepath.Join(dir, "home")
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	for _, c := range []struct {
		name string
		set  map[string]string
		want hub.Client
	}{
		{"nothing", nil, hub.Client{Cache: filepath.Join(dir, ".cache", "huggingface", "hub")}},
		{"XDG", map[string]string{"XDG_CACHE_HOME": home}, hub.Client{Cache: filepath.Join(home, "huggingface", "hub")}},
		{"HF_HOME", map[string]string{"HF_HOME": home}, hub.Client{Cache: filepath.Join(home, "hub"), Token: "from-home"}},
		{"~", map[string]string{"HF_HOME": "~/home"}, hub.Client{Cache: filepath.Join(home, "hub"), Token: "from-home"}},
		{"variable", map[string]string{"HF_HOME": "$XDG_CACHE_HOME/x", "XDG_CACHE_HOME": home}, hub.Client{Cache: filepath.Join(home, "x", "hub")}},
		{"path", map[string]string{"HF_HOME": home, "HF_TOKEN_PATH": token}, hub.Client{Cache: filepath.Join(home, "hub"), Token: "from-path"}},
		{"token", map[string]string{"HF_HOME": home, "HF_TOKEN": " direct\n", "HUGGING_FACE_HUB_TOKEN": "old"}, hub.Client{Cache: filepath.Join(home, "hub"), Token: "direct"}},
		{"old names", map[string]string{"HUGGINGFACE_HUB_CACHE": home, "HUGGING_FACE_HUB_TOKEN": "old"}, hub.Client{Cache: home, Token: "old"}},
		{"not implicit", map[string]string{"HF_HOME": home, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, hub.Client{Cache: filepath.Join(home, "hub")}},
		{"cache", map[string]string{"HF_HOME": home, "HF_HUB_CACHE": dir, "HF_HUB_OFFLINE": "true"}, hub.Client{Cache: dir, Token: "from-home", Offline: true}},
		{"endpoint", map[string]string{"HF_ENDPOINT": "http://mirror:8080/hf/", "HF_HUB_OFFLINE": "0", "HF_HUB_CACHE": dir}, hub.Client{Endpoint: "http://mirror:8080/hf", Cache: dir}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clearEnvironment(t)
			for name, value := range c.set {
				t.Setenv(name, value)
			}
			if c.want.Endpoint == "" {
				c.want.Endpoint = "https://huggingface.co"
			}
			got, err := hub.FromEnvironment()
			if err != nil {
				t.Fatal(err)
			}
			if got.Endpoint != c.want.Endpoint || got.Cache != c.want.Cache || got.Token != c.want.Token || got.Offline != c.want.Offline {
				t.Errorf("got %+v (%q), want %+v", got, string(got.Token), c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		variable, value string
		want            error
	}{
		"endpoint":       {"HF_ENDPOINT", "huggingface.co", hub.ErrEndpoint},
		"token":          {"HF_TOKEN", "two words", hub.ErrToken},
		"token in file":  {"HF_TOKEN_PATH", bad, hub.ErrToken},
		"token with tab": {"HF_TOKEN", "hf_x\ny", hub.ErrToken},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnvironment(t)
			t.Setenv(c.variable, c.value)
			if _, err := hub.FromEnvironment(); !errors.Is(err, c.want) || strings.Contains(err.Error(), "words") || strings.Contains(err.Error(), "hf_x") {
				t.Error(err)
			}
		})
	}
}

func clearEnvironment(t *testing.T) {
	for _, name := range []string{
		"HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "HF_HOME", "XDG_CACHE_HOME",
		"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE",
	} {
		t.Setenv(name, "")
	}
}
