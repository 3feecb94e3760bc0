package main

import (
	"os"

	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// receiptCommand is a verb of verbs; each has a file.
type receiptCommand struct {
	Show   receiptShowCommand   `cmd:"" help:"Print a receipt for people."`
	Verify receiptVerifyCommand `cmd:"" help:"Check a receipt's hashes, and signatures by given keys; or a model directory's signature."`
	Replay receiptReplayCommand `cmd:"" help:"Do again what a receipt says and compare every hash."`
	Diff   receiptDiffCommand   `cmd:"" help:"Compare what two receipts claim."`
	Keygen receiptKeygenCommand `cmd:"" help:"Make a key pair."`
	Sign   receiptSignCommand   `cmd:"" help:"Sign a receipt, or a model directory."`
	Log    receiptLogCommand    `cmd:"" help:"Keep receipts in a log that cannot be changed unseen."`
}

// readKeys reads public keys.
func readKeys(paths []string) ([]*attest.PublicKey, error) {
	keys := make([]*attest.PublicKey, len(paths))
	for i, path := range paths {
		var err error
		if keys[i], err = attest.ReadPublicKey(path); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// isDir tells directories from all else.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
