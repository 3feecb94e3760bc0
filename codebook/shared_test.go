package codebook

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const shared = "../../shared"

// readShared reads a file of the shared data, or skips the test where that is absent.
func readShared(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(shared, name))
	if os.IsNotExist(err) {
		tb.Skipf("%s is not here: %v", name, err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func float32s(data []byte) []float32 {
	x := make([]float32, len(data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return x
}

// readNPY reads the values of a version 1 .npy file of little-endian float32.
func readNPY(tb testing.TB, name string) []float32 {
	data := readShared(tb, name)
	return float32s(data[10+int(binary.LittleEndian.Uint16(data[8:])):])
}

type goldenCase struct {
	name, input string
	mse         float64
}

// goldenCases lists the codebooks that the original learnt, with its error.
func goldenCases(tb testing.TB) []goldenCase {
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(readShared(tb, "golden/index.json"), &all); err != nil {
		tb.Fatal(err)
	}
	var cases []goldenCase
	for name, raw := range all {
		if filepath.Dir(name) != "cdna1" {
			continue
		}
		var c struct {
			Input string
			MSE   *float64
		}
		if err := json.Unmarshal(raw, &c); err != nil || c.MSE == nil {
			tb.Fatalf("%s: %v", name, err)
		}
		cases = append(cases, goldenCase{name, "golden/" + c.Input, *c.MSE})
	}
	slices.SortFunc(cases, func(a, b goldenCase) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return cases
}

type matrix struct {
	name       string
	rows, cols int
	data       []float32
}

// storiesMatrices reads the 42 weight matrices of stories15M's layers, by name.
func storiesMatrices(tb testing.TB) []matrix {
	data := readShared(tb, "models/stories15M-blocks/model.blocks.safetensors")
	n := binary.LittleEndian.Uint64(data)
	header, body := data[8:8+n], data[8+n:]
	var tensors map[string]struct {
		Shape   []int
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(header, &tensors); err != nil {
		tb.Fatal(err)
	}
	var list []matrix
	for name, t := range tensors {
		if len(t.Shape) == 2 {
			list = append(list, matrix{name, t.Shape[0], t.Shape[1], float32s(body[t.Offsets[0]:t.Offsets[1]])})
		}
	}
	slices.SortFunc(list, func(a, b matrix) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	if len(list) != 42 {
		tb.Fatalf("%d matrices, not 42", len(list))
	}
	return list
}
