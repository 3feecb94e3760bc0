package kernel

// Read reads p once, as fast as memory allows, and returns bits that depend on
// all of it. It is the yardstick for products that come from memory: a product
// can't be faster than reading its weights.
func (k *Kernels) Read(p []byte) uint64 {
	var bits uint64
	if n := len(p) / 512 * 128; k.asm != nil && k.asm.read != nil && n > 0 {
		bits = k.asm.read(&p[0], n)
		p = p[4*n:]
	}
	for _, b := range p {
		bits |= uint64(b)
	}
	return bits
}
