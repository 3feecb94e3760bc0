package transformer_test

import (
	"github.com/helix-substrate/helix-substrate/internal/converttest"
	"github.com/helix-substrate/helix-substrate/transformer"
)

func init() { transformer.SetConvert(converttest.To) }
