package cdna

import (
	"fmt"
	"math"
	"sync/atomic"
)

// Policy says which blocks are checked against their SHA-256 when they are read.
type Policy string

// The verification policies.
const (
	Always      Policy = "always"       // every block, every time it is read: experts that a cache holds as they are multiplied by are not read again
	Sampled     Policy = "sampled"      // a fixed sample of about 10 % of the blocks, every time
	TrustCached Policy = "trust-cached" // every block, the first time
	Recognized  Policy = "recognized"   // every block the first time; then its bytes must be those that were right, by a sum that none but this process can make
	Off         Policy = "off"          // none: what is damaged gives wrong results, unnoticed
)

// ParsePolicy returns the policy of that name; "trust_cached" is read too. Other names are an error.
func ParsePolicy(s string) (Policy, error) {
	switch p := Policy(s); p {
	case Always, Sampled, TrustCached, Recognized, Off:
		return p, nil
	case "trust_cached":
		return TrustCached, nil
	}
	return "", fmt.Errorf("unknown verification policy %q: choose %s, %s, %s, %s or %s", s, Always, Sampled, TrustCached, Recognized, Off)
}

// A Verifier carries out a Policy for the blocks of one file. It is safe for concurrent use. A nil *Verifier is the
// policy Always.
type Verifier struct {
	policy Policy
	blocks int
	need   []atomic.Uint64 // a bit per block that is to be checked
	known  *seals          // of blocks that were right, where they are recognized
}

// NewVerifier returns a verifier for a file of that many blocks. Sampled draws each block with a chance of 1 in 10 by a
// hash of seed and block number, and one block if none was drawn: the same seed gives the same choice on every run
// and machine. The other policies do not use the seed; an unknown policy counts as Always.
func NewVerifier(p Policy, blocks int, seed uint64) *Verifier {
	v := &Verifier{policy: p, blocks: blocks}
	switch p {
	case Off:
		v.need = make([]atomic.Uint64, (blocks+63)/64)
	case TrustCached:
		v.need = make([]atomic.Uint64, (blocks+63)/64)
		for i := range v.need {
			v.need[i].Store(math.MaxUint64)
		}
	case Recognized:
		v.known = newSeals(blocks)
	case Sampled:
		v.need = make([]atomic.Uint64, (blocks+63)/64)
		drawn := false
		for i := range blocks {
			if splitmix64(seed+splitmix64(uint64(i))) < math.MaxUint64/10 {
				v.mark(i)
				drawn = true
			}
		}
		if !drawn && blocks > 0 {
			v.mark(int(splitmix64(seed) % uint64(blocks)))
		}
	}
	return v
}

func (v *Verifier) mark(i int) { v.need[i/64].Or(1 << (i % 64)) }

// Need reports whether block i, which was read as the given packed bytes, is to be checked now.
func (v *Verifier) Need(i int, packed []byte) bool {
	if v == nil || uint(i) >= uint(v.blocks) {
		return true
	}
	if v.known != nil {
		return !v.known.fits(i, packed)
	}
	if v.need == nil {
		return true
	}
	return v.need[i/64].Load()>>(i%64)&1 == 1
}

// Off reports whether nothing is to be checked.
func (v *Verifier) Off() bool { return v != nil && v.policy == Off }

// Done records that block i was checked and found right in these packed bytes. Blocks' methods call it themselves.
func (v *Verifier) Done(i int, packed []byte) {
	switch {
	case v == nil || uint(i) >= uint(v.blocks):
	case v.known != nil:
		v.known.set(i, packed)
	case v.policy == TrustCached:
		v.need[i/64].And(^(uint64(1) << (i % 64)))
	}
}

// Recognizes tells whether a block that need not be checked is known to be right by its bytes.
func (v *Verifier) Recognizes() bool { return v != nil && v.known != nil }

// splitmix64 is the finalizer of the generator of that name (Steele, Lea, Flood 2014).
func splitmix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
