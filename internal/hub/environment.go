package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// DefaultEndpoint is where FromEnvironment looks without HF_ENDPOINT.
const DefaultEndpoint = "https://huggingface.co"

// FromEnvironment returns a client set up by the variables that huggingface_hub
// reads:
//
//	HF_ENDPOINT                    the server; https://huggingface.co
//	HF_TOKEN                       the token; else the file HF_TOKEN_PATH; HF_HOME/token
//	HF_HUB_DISABLE_IMPLICIT_TOKEN  1: no token
//	HF_HOME                        $XDG_CACHE_HOME/huggingface; ~/.cache/huggingface
//	HF_HUB_CACHE                   the cache; HF_HOME/hub
//	HF_HUB_OFFLINE                 1: offline
//
// HUGGING_FACE_HUB_TOKEN and HUGGINGFACE_HUB_CACHE, their older names, count where
// the newer are not set.
func FromEnvironment() (*Client, error) {
	home, err := directory("HF_HOME")
	if err != nil {
		return nil, err
	}
	if home == "" {
		if home, err = defaultHome(); err != nil {
			return nil, err
		}
	}
	cache, err := directory("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
	if err != nil {
		return nil, err
	}
	if cache == "" {
		cache = filepath.Join(home, "hub")
	}
	c := &Client{
		Endpoint: trimSlash(setting("HF_ENDPOINT")),
		Cache:    cache,
		Offline:  enabled("HF_HUB_OFFLINE"),
	}
	if c.Endpoint == "" {
		c.Endpoint = DefaultEndpoint
	}
	if _, err := c.endpoint(); err != nil {
		return nil, fmt.Errorf("HF_ENDPOINT: %w", err)
	}
	if !enabled("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
		c.Token, err = findToken(home)
	}
	return c, err
}

// setting returns the first variable that is set to something.
func setting(names ...string) string {
	for _, name := range names {
		if value := strings.TrimSpace(os.Getenv(name)); value != "" {
			return value
		}
	}
	return ""
}

func enabled(name string) bool {
	switch strings.ToUpper(setting(name)) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// directory reads a path from a variable, with variables and a leading ~ expanded.
func directory(names ...string) (string, error) {
	path := os.ExpandEnv(setting(names...))
	if path != "~" && !strings.HasPrefix(path, "~/") {
		return path, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, path[1:]), err
}

func defaultHome() (string, error) {
	cache, err := directory("XDG_CACHE_HOME")
	if cache == "" && err == nil {
		cache, err = os.UserHomeDir()
		cache = filepath.Join(cache, ".cache")
	}
	if err != nil {
		return "", fmt.Errorf("find the cache: %w; set HF_HOME", err)
	}
	return filepath.Join(cache, "huggingface"), nil
}

func findToken(home string) (Token, error) {
	if token := setting("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"); token != "" {
		return checkToken(token, "HF_TOKEN")
	}
	path, err := directory("HF_TOKEN_PATH")
	if err != nil {
		return "", err
	}
	if path == "" {
		path = filepath.Join(home, "token")
	}
	file, _, err := regularfile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	defer file.Close()
	const longest = 64 << 10
	content, err := io.ReadAll(io.LimitReader(file, longest))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return checkToken(strings.TrimSpace(string(content)), path)
}

// checkToken refuses what cannot stand in a header, without showing it.
func checkToken(token, source string) (Token, error) {
	for _, b := range []byte(token) {
		if b <= ' ' || b > '~' {
			return "", fmt.Errorf("%s: %w: it holds spaces, line ends or characters that no token has", source, ErrToken)
		}
	}
	return Token(token), nil
}
