package gguf

import (
	"fmt"
	"regexp"
	"strconv"
)

// A model in N parts is called NAME-00001-of-0000N.gguf and so on. Each part has
// split.no (from 0) and split.count, the first one all the metadata.
const (
	splitNoKey      = "split.no"
	splitCountKey   = "split.count"
	splitTensorsKey = "split.tensors.count"
)

var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// PartNames returns the names of all parts of the model that name is a part of,
// in order; it is name alone if that is not the name of a part.
func PartNames(name string) []string {
	m := partName.FindStringSubmatch(name)
	if m == nil {
		return []string{name}
	}
	number, _ := strconv.Atoi(m[2])
	count, _ := strconv.Atoi(m[3])
	if number < 1 || number > count {
		return []string{name}
	}
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d-of-%s.gguf", m[1], i+1, m[3])
	}
	return names
}

// checkSplit checks that the file says it is part i (from 0) of n, or, if it is
// alone, nothing.
func (p *part) checkSplit(i, n int) error {
	for _, want := range []struct {
		key   string
		value int
	}{{splitCountKey, n}, {splitNoKey, i}} {
		v, ok := p.values[want.key]
		if !ok && n == 1 {
			continue
		}
		if !ok {
			return fmt.Errorf("%s: %w: part %d of %d lacks the metadata key %q", p.name, ErrSplit, i+1, n, want.key)
		}
		got, err := v.asUint()
		if err != nil {
			return fmt.Errorf("%s: metadata key %q: %w", p.name, want.key, err)
		}
		// A model that was never split may say that it is part 0 of 0.
		if got != uint64(want.value) && !(got == 0 && n == 1) {
			return fmt.Errorf("%s: %w: %s is %d, not %d; a part is named like NAME-00001-of-00003.gguf and opened with all others", p.name, ErrSplit, want.key, got, want.value)
		}
	}
	return nil
}
