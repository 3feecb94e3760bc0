package codec_test

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/codec"
)

func Example() {
	c, err := codec.New("zstd", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	indices := make([]byte, 4096)
	for i := range indices {
		indices[i] = byte(i % 7 * i % 5) // few symbols
	}
	packed, err := c.Encode(nil, indices)
	fmt.Println("smaller than half:", len(packed) < len(indices)/2, err)

	unpacked := make([]byte, len(indices)) // the length is known from elsewhere
	fmt.Println(c.Decode(unpacked, packed), string(unpacked) == string(indices))

	packed[0] ^= 1
	fmt.Println(errors.Is(c.Decode(unpacked, packed), codec.ErrCorrupt))
	// Output:
	// smaller than half: true <nil>
	// <nil> true
	// true
}
