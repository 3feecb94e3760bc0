package transformer_test

import (
	"os"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/converttest"
	"github.com/helix-substrate/helix-substrate/transformer"
)

func init() { transformer.SetConvert(converttest.To) }

func TestMain(m *testing.M) { os.Exit(converttest.Run(m)) }
