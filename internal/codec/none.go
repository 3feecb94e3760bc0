package codec

// none stores a block as it is.
type none struct{}

func (none) Name() string { return "none" }

func (none) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("none", src); err != nil {
		return dst, err
	}
	return append(dst, src...), nil
}

func (none) Decode(dst, src []byte) error {
	if len(src) != len(dst) {
		return corrupt("none", "%d bytes, want %d", len(src), len(dst))
	}
	copy(dst, src)
	return nil
}
