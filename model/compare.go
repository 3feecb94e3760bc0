package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// FirstDifference compares all that two manifests say, but for their roots, and returns the
// path of the first field that differs, such as "tensors/w/fidelity/snr_db", in the order of
// the names, with what each says there as JSON, or "nothing". Without a root_scheme, a is of
// an earlier release: fields that it lacks and that release did not write are no difference.
func FirstDifference(a, b *Manifest) (field, inA, inB string, err error) {
	x, err := generic(a)
	if err != nil {
		return "", "", "", err
	}
	y, err := generic(b)
	if err != nil {
		return "", "", "", err
	}
	if a.RootScheme == 0 {
		delete(y, "root_scheme")
		for _, t := range y["tensors"].(map[string]any) {
			delete(t.(map[string]any), "head_sha256")
			delete(t.(map[string]any), "block_crc32c")
		}
	}
	delete(x, "root_sha256")
	delete(y, "root_sha256")
	field, inA, inB = firstIn("", x, y)
	return field, inA, inB, nil
}

// generic returns a manifest as JSON has it.
func generic(m *Manifest) (fields map[string]any, err error) {
	text, err := m.encode()
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	return fields, err
}

// firstIn compares two values of JSON that differ, or not, at a path.
func firstIn(path string, a, b any) (field, inA, inB string) {
	x, isMap := a.(map[string]any)
	y, both := b.(map[string]any)
	if !isMap || !both {
		if reflect.DeepEqual(a, b) {
			return "", "", ""
		}
		return path, text(a), text(b)
	}
	names := map[string]bool{}
	for name := range x {
		names[name] = true
	}
	for name := range y {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		at := name
		if path != "" {
			at = path + "/" + name
		}
		if field, inA, inB = firstIn(at, x[name], y[name]); field != "" {
			return field, inA, inB
		}
	}
	return "", "", ""
}

// text returns a value of JSON for a message, "nothing" for one that is not there.
func text(v any) string {
	if v == nil {
		return "nothing"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
