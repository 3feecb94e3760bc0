package kernel

import "unsafe"

// matrix is rows of weights as the assembly sees them. Its length was checked
// when it was made.
type matrix struct {
	form  form
	w     *byte // row or strip 0
	ld    int   // bytes from row to row, or from strip to strip
	table *byte
}

// row returns the address of row r, or for packed forms strip r, at a column
// that is a multiple of 64.
func (m matrix) row(r, column int) *byte {
	return (*byte)(unsafe.Add(unsafe.Pointer(m.w), r*m.ld+column/groupSize*bytesPerGroup[m.form]))
}

// bytesMatrix is a matrix of index bytes, rows ld apart.
func bytesMatrix(t *Table, idx []byte, ld int) matrix {
	f := formBytesF32
	if t.bf16 {
		f = formBytesBF16
	}
	return matrix{f, unsafe.SliceData(idx), ld, t.address()}
}

func denseMatrix(w []float32, ld int) matrix {
	return matrix{formDenseF32, (*byte)(unsafe.Pointer(unsafe.SliceData(w))), 4 * ld, nil}
}

func bf16Matrix(w []uint16, ld int) matrix {
	return matrix{formDenseBF16, (*byte)(unsafe.Pointer(unsafe.SliceData(w))), 2 * ld, nil}
}

func (t *Table) address() *byte { return (*byte)(unsafe.Pointer(t)) }
