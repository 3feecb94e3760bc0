package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/helix-substrate/helix-substrate/receipt"
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

// signedReceipt is a receipt and, if it came in one, its envelope.
type signedReceipt struct {
	*receipt.Execution
	document []byte // the receipt's
	envelope *attest.Envelope
	subjects []attest.Subject
}

// errUnsigned reports a receipt without a signature where one is required.
var errUnsigned = errors.New("the receipt is not signed")

// readReceipt reads a receipt, plain or in an envelope, whose signatures by keys must
// be valid.
func readReceipt(env *environment, path string, keys []*attest.PublicKey) (*signedReceipt, error) {
	document, err := attest.ReadDocument(path)
	if err != nil {
		return nil, err
	}
	r := &signedReceipt{document: document}
	var shape struct {
		PayloadType string `json:"payloadType"`
	}
	if json.Unmarshal(document, &shape) == nil && shape.PayloadType != "" {
		if r.envelope, err = attest.Open(env.ctx, document, false, keys...); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		statement, err := r.envelope.Statement()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if statement.PredicateType != attest.ReceiptPredicate {
			return nil, fmt.Errorf("%s: %w: the predicate is %.80q", path, attest.ErrStatement, statement.PredicateType)
		}
		r.document, r.subjects = statement.Predicate, statement.Subject
	} else if len(keys) > 0 {
		return nil, fmt.Errorf("%s: %w", path, errUnsigned)
	}
	if r.Execution, err = receipt.ReadExecution(r.document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
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
