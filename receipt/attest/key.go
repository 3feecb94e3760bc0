package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

var (
	// ErrKey reports a file that is not a key of a kind used here.
	ErrKey = errors.New("not an Ed25519 or ECDSA P-256 key")
	// ErrSignature reports a signature that is wrong, or missing where it is required.
	ErrSignature = errors.New("signature not valid")
)

// KeyKind is the kind of a key pair.
type KeyKind string

// The kinds of keys.
const (
	Ed25519 KeyKind = "ed25519"
	P256    KeyKind = "ecdsa-p256"
)

// PublicKey verifies signatures. It is a dsse.Verifier.
type PublicKey struct {
	key crypto.PublicKey
	der []byte // PKIX
}

// PrivateKey makes signatures. It is a dsse.SignerVerifier.
type PrivateKey struct {
	PublicKey
	key crypto.Signer
}

// GenerateKey makes a key pair.
func GenerateKey(kind KeyKind) (*PrivateKey, error) {
	switch kind {
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return newPrivateKey(key)
	case P256:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return newPrivateKey(key)
	}
	return nil, fmt.Errorf("kind %q: %w", kind, ErrKey)
}

func newPrivateKey(key crypto.Signer) (*PrivateKey, error) {
	public, err := newPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	return &PrivateKey{*public, key}, nil
}

func newPublicKey(key crypto.PublicKey) (*PublicKey, error) {
	switch k := key.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, ErrKey
		}
	default:
		return nil, ErrKey
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	return &PublicKey{key, der}, err
}

// maxKey bounds a key file.
const maxKey = 64 << 10

// ReadPrivateKey reads a PEM file with a private key.
func ReadPrivateKey(path string) (*PrivateKey, error) {
	block, err := readPEM(path, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %v", path, ErrKey, err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, ErrKey)
	}
	key, err := newPrivateKey(signer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// ReadPublicKey reads a PEM file with a public key.
func ReadPublicKey(path string) (*PublicKey, error) {
	block, err := readPEM(path, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(block)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %v", path, ErrKey, err)
	}
	key, err := newPublicKey(parsed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func readPEM(path, kind string) ([]byte, error) {
	f, _, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: %w: no PEM in it", path, ErrKey)
	}
	if block.Type != kind {
		return nil, fmt.Errorf("%s: %w: it holds a %s, wanted is a %s", path, ErrKey, block.Type, kind)
	}
	return block.Bytes, nil
}

// Write writes the pair to new files: path, readable for its owner only, and path.pub.
func (k *PrivateKey) Write(path string) error {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return err
	}
	if err := create(path, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return err
	}
	if err := create(path+".pub", 0o666, k.PEM()); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

// create writes a file that must not exist: a key is never overwritten.
func create(path string, mode os.FileMode, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}

// PublicHalf returns the key that verifies.
func (k *PrivateKey) PublicHalf() *PublicKey { return &k.PublicKey }

// PEM returns the public key as its file has it.
func (k *PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der})
}

// Kind returns the kind of the key.
func (k *PublicKey) Kind() KeyKind {
	if _, ok := k.key.(ed25519.PublicKey); ok {
		return Ed25519
	}
	return P256
}

// ID returns the SHA-256, in hex, of the public key (PKIX, DER), which envelopes name
// it by.
func (k *PublicKey) ID() string {
	sum := sha256.Sum256(k.der)
	return hex.EncodeToString(sum[:])
}

// KeyID is ID, as package dsse wants it.
func (k *PublicKey) KeyID() (string, error) { return k.ID(), nil }

// Public returns the key, as package dsse wants it.
func (k *PublicKey) Public() crypto.PublicKey { return k.key }

// Verify returns ErrSignature unless sig is a signature of data.
func (k *PublicKey) Verify(_ context.Context, data, sig []byte) error {
	ok := false
	switch key := k.key.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, data, sig)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(data)
		ok = ecdsa.VerifyASN1(key, sum[:], sig)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// Sign returns the signature of data: always the same one (RFC 8032, RFC 6979).
func (k *PrivateKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	if k.Kind() == Ed25519 {
		return k.key.Sign(nil, data, crypto.Hash(0))
	}
	sum := sha256.Sum256(data)
	return k.key.Sign(nil, sum[:], crypto.SHA256)
}
