package attest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/helix-substrate/helix-substrate/receipt"
)

var (
	// ErrEnvelope reports a document that is not a DSSE envelope, or a bundle with one.
	ErrEnvelope = errors.New("not a signed envelope")
	// ErrLayout reports a signed document that is not laid out as this program does: a
	// byte was changed where no signature covers it, or another program wrote it.
	ErrLayout = errors.New("layout of another program, or changed")
)

// Envelope is a payload with its signatures.
type Envelope struct {
	PayloadType string
	Payload     []byte
	Signatures  []SignatureCheck
}

// SignatureCheck says what is known about one signature.
type SignatureCheck struct {
	KeyID string `json:"keyid"`
	Valid bool   `json:"valid"` // by one of the given keys
	// Unknown says that none of the given keys is the signature's: whether it is valid
	// cannot be told.
	Unknown bool `json:"unknown"`
}

// SignPayload returns a DSSE envelope as JSON in one line.
func SignPayload(ctx context.Context, payloadType string, payload []byte, keys ...*PrivateKey) ([]byte, error) {
	e, err := signPayload(ctx, payloadType, payload, keys)
	if err != nil {
		return nil, err
	}
	return encode(e)
}

func signPayload(ctx context.Context, payloadType string, payload []byte, keys []*PrivateKey) (*dsse.Envelope, error) {
	signers := make([]dsse.Signer, len(keys))
	for i, k := range keys {
		if slices.ContainsFunc(keys[:i], func(other *PrivateKey) bool { return other.ID() == k.ID() }) {
			return nil, fmt.Errorf("%w: key %.16s… is given twice", ErrKey, k.ID())
		}
		signers[i] = k
	}
	s, err := dsse.NewEnvelopeSigner(signers...)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrKey, err)
	}
	return s.SignPayload(ctx, payloadType, payload)
}

// AddSignatures returns an envelope with further signatures of its payload. Keys that
// have signed already are ErrSignature.
func AddSignatures(ctx context.Context, document []byte, keys ...*PrivateKey) ([]byte, error) {
	e, payload, err := decodeEnvelope(document, false)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		for _, s := range e.Signatures {
			if s.KeyID == k.ID() || s.KeyID == "" && valid(ctx, e, s, &k.PublicKey) {
				return nil, fmt.Errorf("%w: key %.16s… has signed already", ErrSignature, k.ID())
			}
		}
	}
	more, err := signPayload(ctx, e.PayloadType, payload, keys)
	if err != nil {
		return nil, err
	}
	e.Signatures = append(e.Signatures, more.Signatures...)
	return encode(e)
}

// Open checks an envelope with the keys that the caller trusts. Every key must have
// signed it, and every signature of a known key must be valid: else ErrSignature.
// Signatures of unknown keys are only listed. Documents in another layout than this
// program's are ErrLayout unless anyLayout is set; other errors are ErrEnvelope and
// those of receipt.Canonical.
func Open(ctx context.Context, document []byte, anyLayout bool, keys ...*PublicKey) (*Envelope, error) {
	e, payload, err := decodeEnvelope(document, anyLayout)
	if err != nil {
		return nil, err
	}
	return check(ctx, e, payload, keys)
}

// check verifies the signatures of a decoded envelope.
func check(ctx context.Context, e *dsse.Envelope, payload []byte, keys []*PublicKey) (*Envelope, error) {
	opened := &Envelope{PayloadType: e.PayloadType, Payload: payload}
	signed := map[string]bool{} // by id
	for _, s := range e.Signatures {
		c := SignatureCheck{KeyID: s.KeyID, Unknown: true}
		for _, k := range keys {
			if s.KeyID != "" && s.KeyID != k.ID() {
				continue
			}
			if valid(ctx, e, s, k) {
				if signed[k.ID()] {
					return nil, fmt.Errorf("%w: key %.16s… has signed twice", ErrSignature, k.ID())
				}
				c = SignatureCheck{KeyID: k.ID(), Valid: true}
				signed[k.ID()] = true
				break
			}
			if s.KeyID != "" {
				return nil, fmt.Errorf("%w: that of key %.16s…", ErrSignature, s.KeyID)
			}
		}
		opened.Signatures = append(opened.Signatures, c)
	}
	for _, k := range keys {
		if !signed[k.ID()] {
			return nil, fmt.Errorf("%w: none is of key %.16s…", ErrSignature, k.ID())
		}
	}
	return opened, nil
}

// valid tells whether s is a signature of the envelope's payload by a key.
func valid(ctx context.Context, e *dsse.Envelope, s dsse.Signature, k *PublicKey) bool {
	v, err := dsse.NewEnvelopeVerifier(k)
	if err != nil {
		return false
	}
	one := *e
	one.Signatures = []dsse.Signature{s}
	_, err = v.Verify(ctx, &one)
	return err == nil
}

// decodeEnvelope reads an envelope without checking signatures.
func decodeEnvelope(document []byte, anyLayout bool) (*dsse.Envelope, []byte, error) {
	var e dsse.Envelope
	if err := receipt.Unmarshal(document, &e); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	payload, err := decodePayload(&e)
	if err != nil {
		return nil, nil, err
	}
	if !anyLayout {
		if err := checkLayout(document, &e); err != nil {
			return nil, nil, err
		}
	}
	return &e, payload, nil
}

func decodePayload(e *dsse.Envelope) ([]byte, error) {
	if e.PayloadType == "" || e.Payload == "" || len(e.Signatures) == 0 {
		return nil, fmt.Errorf("%w: no payload, its type or signatures", ErrEnvelope)
	}
	payload, err := e.DecodeB64Payload()
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrEnvelope, err)
	}
	return payload, nil
}

// checkLayout returns ErrLayout unless the document is what encode makes of v.
func checkLayout(document []byte, v any) error {
	want, err := encode(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(document, want) {
		return ErrLayout
	}
	return nil
}

// encode writes JSON in one line, base64 as it is when encoded again.
func encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case *dsse.Envelope:
		normalizeBase64(v)
	case *bundle:
		normalizeBase64(&v.Envelope)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// normalizeBase64 writes an envelope's payload and signatures in the one standard way.
func normalizeBase64(e *dsse.Envelope) {
	again := func(s string) string {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			if b, err = base64.URLEncoding.DecodeString(s); err != nil {
				return s
			}
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	e.Payload = again(e.Payload)
	e.Signatures = append([]dsse.Signature(nil), e.Signatures...)
	for i := range e.Signatures {
		e.Signatures[i].Sig = again(e.Signatures[i].Sig)
	}
}
