package evaluate_test

import (
	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/internal/converttest"
)

func init() { evaluate.SetConvert(converttest.To) }
