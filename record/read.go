package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/receipt/legacy"
)

// ErrUnsigned reports a receipt without a signature where one is required.
var ErrUnsigned = errors.New("the receipt is not signed")

// Receipt is a receipt that was read and, if it came in one, its envelope.
type Receipt struct {
	*receipt.Execution
	Document []byte // the receipt's
	Envelope *attest.Envelope
	Subjects []attest.Subject
}

// Read reads the receipt at path, plain or in an envelope, whose signatures by keys must be
// valid. Errors are those of [receipt.ReadExecution] and [attest.Open], and ErrUnsigned.
func Read(ctx context.Context, path string, keys ...*attest.PublicKey) (*Receipt, error) {
	document, err := attest.ReadDocument(path)
	if err != nil {
		return nil, err
	}
	r := &Receipt{Document: document}
	var shape struct {
		PayloadType string `json:"payloadType"`
	}
	// Both readers are strict: this only chooses between them.
	if json.Unmarshal(document, &shape) == nil && shape.PayloadType != "" {
		if r.Envelope, err = attest.Open(ctx, document, false, keys...); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		statement, err := r.Envelope.Statement()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if statement.PredicateType != attest.ReceiptPredicate {
			return nil, fmt.Errorf("%s: %w: the predicate is %.80q", path, attest.ErrStatement, statement.PredicateType)
		}
		r.Document, r.Subjects = statement.Predicate, statement.Subject
	} else if len(keys) > 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrUnsigned)
	}
	if r.Execution, err = receipt.ReadExecution(r.Document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// ReadProduct reads the receipt of a product in the original's schema; nil without error for
// a document of another.
func ReadProduct(path string) (*legacy.StreamXW, error) {
	document, err := attest.ReadDocument(path)
	if err != nil {
		return nil, err
	}
	if _, err := receipt.Canonical(document); err != nil { // no JSON at all, rather than another schema
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := &legacy.StreamXW{}
	if receipt.Unmarshal(document, r) != nil || r.Schema != legacy.StreamXWSchema {
		return nil, nil
	}
	return r, nil
}
