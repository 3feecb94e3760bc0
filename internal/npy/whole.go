package npy

import "context"

// ReadFloat32 reads a whole file, row-major, as float32.
func ReadFloat32(path string) (data []float32, shape []int, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	data = make([]float32, r.Len())
	if err := r.ReadFloat32(context.Background(), data, 0); err != nil {
		return nil, nil, err
	}
	return data, r.Shape(), nil
}

// ReadRounded is ReadFloat32, and warns of values that are rounded as [Reader.Rounding] does.
func ReadRounded(ctx context.Context, path string) (data []float32, shape []int, note string, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, nil, "", err
	}
	defer r.Close()
	if note, err = r.Rounding(ctx); err != nil {
		return nil, nil, "", err
	}
	data = make([]float32, r.Len())
	return data, r.Shape(), note, r.ReadFloat32(ctx, data, 0)
}
