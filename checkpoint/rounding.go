package checkpoint

import "context"

// Rounding warns, in a line for people, of values of a .npy file that float32 does not hold
// exactly and that are rounded when they are read; "" where there are none, and for all other
// kinds: of their float64 weights, too, the nearest float32 is what is meant. A value beyond
// float32's range is an error.
func (c *Checkpoint) Rounding(ctx context.Context) (string, error) {
	if c.rounding == nil {
		return "", nil
	}
	return c.rounding(ctx)
}
