package convert

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
)

// leaveOut returns the source's tensors without those of components beside a language model that runs here, such as what sees pictures: nothing
// would make use of them. The report says so. All of a source that is no such model are there.
func (c *conversion) leaveOut(ctx context.Context) ([]*checkpoint.Tensor, error) {
	tensors := c.src.Tensors()
	if c.src.Metadata() != nil || !c.src.Whole() { // a GGUF file has the language model alone
		return tensors, nil
	}
	text, err := c.src.ReadFile(ctx, "config.json", arch.MaxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return tensors, nil
	} else if err != nil {
		return nil, err
	}
	config, err := arch.ParseConfig(text)
	if err != nil {
		return tensors, nil
	}
	beside, left := config.Beside(c.src.Names()), map[arch.Component]int{}
	tensors = slices.DeleteFunc(tensors, func(t *checkpoint.Tensor) bool {
		component := beside[t.Name]
		left[component]++
		return component != ""
	})
	delete(left, "")
	c.report.Notes = append(c.report.Notes, arch.LeftOut(left)...)
	return tensors, nil
}
