package overwrite_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/overwrite"
)

func Example() {
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	config := filepath.Join(dir, "config.json")
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		log.Fatal(err)
	}

	err = overwrite.Check(
		[]overwrite.Input{{Flag: "model", Path: dir, Kind: overwrite.Model}},
		[]overwrite.Output{{Flag: "report", Path: config, Kind: overwrite.Report}})
	fmt.Println(errors.Is(err, overwrite.ErrOutput))
	// Output: true
}
