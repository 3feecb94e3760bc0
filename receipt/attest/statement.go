package attest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/receipt"
)

// ErrStatement reports a payload that is not an in-toto Statement v1.
var ErrStatement = errors.New("not an in-toto statement")

const (
	// PayloadType is that of envelopes with an in-toto statement.
	PayloadType = "application/vnd.in-toto+json"
	// StatementType is Statement.Type.
	StatementType = "https://in-toto.io/Statement/v1"
	// ReceiptPredicate is the type of a predicate that is an execution receipt.
	ReceiptPredicate = "https://github.com/helix-substrate/helix-substrate/execution_receipt/v1"
)

// Statement is an in-toto Statement v1: what is said (Predicate) about which things.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Subject is a thing, named by its digests in hex, such as "sha256".
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// SHA256Subject names a thing by its SHA-256.
func SHA256Subject(name, sum string) Subject {
	return Subject{name, map[string]string{"sha256": sum}}
}

// Sign returns a DSSE envelope with a statement: predicate, a JSON document, about
// subjects.
func Sign(ctx context.Context, subjects []Subject, predicateType string, predicate []byte, keys ...*PrivateKey) ([]byte, error) {
	s := &Statement{StatementType, subjects, predicateType, predicate}
	payload, err := s.Canonical()
	if err != nil {
		return nil, err
	}
	return SignPayload(ctx, PayloadType, payload, keys...)
}

// Canonical returns the statement as it is signed: see [receipt.Canonical]. What is no statement is
// ErrStatement.
func (s *Statement) Canonical() ([]byte, error) {
	text, err := json.Marshal(s) // which keeps the text of the predicate's numbers
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrStatement, err)
	}
	payload, err := receipt.Canonical(text)
	if err != nil {
		return nil, err
	}
	_, err = ParseStatement(payload)
	return payload, err
}

// Statement returns the statement in an envelope's payload.
func (e *Envelope) Statement() (*Statement, error) {
	if e.PayloadType != PayloadType {
		return nil, fmt.Errorf("%w: the payload is %.80q", ErrStatement, e.PayloadType)
	}
	return ParseStatement(e.Payload)
}

// ParseStatement reads a statement: it has a predicate of some type, and at least one
// subject, each with a digest.
func ParseStatement(payload []byte) (*Statement, error) {
	var s Statement
	if err := receipt.Unmarshal(payload, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	switch {
	case s.Type != StatementType:
		return nil, fmt.Errorf("%w: its type is %.80q", ErrStatement, s.Type)
	case len(s.Subject) == 0:
		return nil, fmt.Errorf("%w: it has no subject", ErrStatement)
	case s.PredicateType == "" || len(s.Predicate) == 0 || s.Predicate[0] != '{':
		return nil, fmt.Errorf("%w: it has no predicate", ErrStatement)
	}
	for _, subject := range s.Subject {
		if len(subject.Digest) == 0 {
			return nil, fmt.Errorf("%w: subject %.80q has no digest", ErrStatement, subject.Name)
		}
		if sum, ok := subject.Digest["sha256"]; ok && !isSHA256(sum) {
			return nil, fmt.Errorf("%w: subject %.80q: %.80q is not a SHA-256", ErrStatement, subject.Name, sum)
		}
	}
	return &s, nil
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}
