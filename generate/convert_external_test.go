package generate_test

import (
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/converttest"
)

func init() { generate.SetConvert(converttest.To) }
