package evaluate_test

import (
	"os"
	"testing"

	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/internal/converttest"
)

func init() { evaluate.SetConvert(converttest.To) }

func TestMain(m *testing.M) { os.Exit(converttest.Run(m)) }
