package torch_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/torch"
)

func Example() {
	f, err := torch.Open("testdata/module.bin")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	for _, t := range f.Tensors() {
		x := make([]float32, t.Len())
		err := t.ReadFloat32(context.Background(), x, 0)
		fmt.Println(t.Name, t.DType, t.Shape, len(x), err)
	}
	_, err = torch.Open("testdata/whole_module.pt")
	fmt.Println("a whole module is refused:", errors.Is(err, torch.ErrGlobal))
	// Output:
	// 0.bias F32 [2] 2 <nil>
	// 0.weight F32 [2 3] 6 <nil>
	// 1.bias F32 [2] 2 <nil>
	// 1.num_batches_tracked I64 [] 1 <nil>
	// 1.running_mean F32 [2] 2 <nil>
	// 1.running_var F32 [2] 2 <nil>
	// 1.weight F32 [2] 2 <nil>
	// a whole module is refused: true
}
