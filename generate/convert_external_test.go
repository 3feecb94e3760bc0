package generate_test

import (
	"os"
	"testing"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/converttest"
)

func init() { generate.SetConvert(converttest.To) }

func TestMain(m *testing.M) { os.Exit(converttest.Run(m)) }
