package receipt

import "github.com/helix-substrate/helix-substrate/internal/strictjson"

// Unmarshal reads a strict JSON document (see [Canonical]) into a Go value, as
// encoding/json does, but for keys that differ from a field's name in case only. Those
// are ErrJSON: encoding/json would take them for the field, while hashes, and other
// readers, tell them apart. Errors are those of Canonical, and ErrType.
func Unmarshal(document []byte, v any) error {
	if _, err := parse(document); err != nil { // which bounds what there is
		return err
	}
	return strictjson.UnmarshalOpen(document, v, nil)
}
