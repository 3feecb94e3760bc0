package arch

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Which keys of a configuration make the model, which change nothing, and which are
// refused is data: keys/config.txt and keys/gguf.txt.
var (
	//go:embed keys/config.txt
	configText string
	//go:embed keys/gguf.txt
	ggufText string

	configKeys = parseKeys(configText)
	ggufKeys   = parseKeys(ggufText)
)

// keyUse is what becomes of a key.
type keyUse struct {
	read bool
	only []string // the values, as JSON, that are not refused; nil for all
}

// keyTable holds the uses by section and key; a key may end in * for any rest or begin
// with it.
type keyTable map[string]map[string]keyUse

// parseKeys reads a table's text, which is the program's own.
func parseKeys(text string) keyTable {
	table, section := keyTable{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(name, "]")
			table[section] = map[string]keyUse{}
			continue
		}
		head, keys, _ := strings.Cut(line, ": ")
		use := keyUse{read: head == "read"}
		if values, ok := strings.CutPrefix(head, "only "); ok {
			use.only = strings.Fields(values)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		for _, key := range strings.Fields(keys) {
			table[section][key] = use
		}
	}
	return table
}

// find returns the use of a key in the first of the sections that has it.
func (t keyTable) find(key string, sections ...string) (keyUse, bool) {
	for _, s := range sections {
		if use, ok := t[s][key]; ok {
			return use, true
		}
		for pattern, use := range t[s] {
			prefix, any := strings.CutSuffix(pattern, "*")
			if any && strings.HasPrefix(key, prefix) {
				return use, true
			}
			if suffix, any := strings.CutPrefix(pattern, "*"); any && strings.HasSuffix(key, suffix) {
				return use, true
			}
		}
	}
	return keyUse{}, false
}

// check refuses by name, with ErrConfig, the keys of an object whose values would
// change the model without anyone here knowing how. It returns the pairs that are read.
func (t keyTable) check(object map[string]any, sections ...string) (map[string]any, error) {
	read := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := object[key]
		use, known := t.find(key, sections...)
		switch {
		case use.read:
			read[key] = value
		case known && use.only == nil:
		case known && slices.Contains(use.only, jsonText(value)):
		case !known && isEmpty(value):
		case known:
			return nil, fmt.Errorf("%s %s is not supported (only %s): %w", key, jsonText(value), strings.Join(use.only, " or "), ErrKey)
		default:
			return nil, fmt.Errorf("%s %s is not supported: the key is not known: %w", key, jsonText(value), ErrKey)
		}
	}
	return read, nil
}

// isEmpty tells whether a value switches nothing on.
func isEmpty(value any) bool {
	switch v := value.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return slices.Contains([]string{"null", "false", "0", `""`}, jsonText(value))
}

// jsonText returns a value as JSON, shortened for messages.
func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	if len(text) > 80 {
		return string(text[:77]) + "…"
	}
	return string(text)
}
