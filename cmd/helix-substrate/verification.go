package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// verifyFlag says which hashes are compared.
type verifyFlag struct {
	Verify string `name:"verify" enum:"always,sampled,trust-cached,off" default:"trust-cached" help:"When blocks are checked against their SHA-256: always, sampled (about 10 %), trust-cached (on first use), or off. A model's other files are checked when they are read, unless it is off."`
}

// policy returns the policy, and says so if it is that nothing is checked.
func (f *verifyFlag) policy(env *environment) cdna.Policy {
	if f.Verify == string(cdna.Off) {
		env.note("--verify off: no hash is compared, and damage goes unnoticed")
	}
	return cdna.Policy(f.Verify)
}

// claim is the policy as receipts claim it: none where every block is checked.
func (f *verifyFlag) claim() string {
	if p := cdna.Policy(f.Verify); p == cdna.Off || p == cdna.Sampled {
		return f.Verify
	}
	return ""
}

// replayed takes the policy of a receipt's claims, at path.
func (f *verifyFlag) replayed(path, claimed string) error {
	switch cdna.Policy(claimed) {
	case "":
	case cdna.Off, cdna.Sampled:
		f.Verify = claimed
	default:
		return fmt.Errorf("%s: verify %.20q: %w", path, claimed, receipt.ErrInvalid)
	}
	return nil
}

// directory opens the model directory at path; nil without error if it is none.
func (f *verifyFlag) directory(path string) (*model.Model, error) {
	switch {
	case !model.IsModel(path):
		return nil, nil
	case f.Verify == string(cdna.Off):
		return model.OpenUnverified(path)
	}
	return model.Open(path)
}

// tokenizer opens the tokenizer of the model at path.
func (f *verifyFlag) tokenizer(path string) (*tokenizer.Tokenizer, error) {
	m, err := f.directory(path)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return generate.OpenTokenizer(path)
	}
	return generate.ModelTokenizer(m)
}

// fingerprint tells which model is at path.
func (f *verifyFlag) fingerprint(env *environment, path string) (receipt.ModelClaim, error) {
	m, err := f.directory(path)
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	if m == nil {
		return generate.Fingerprint(env.ctx, path)
	}
	return generate.ModelFingerprint(env.ctx, m)
}

// noteVersion1 says that a file of version 1 can be damaged unnoticed.
func noteVersion1(env *environment, f *cdna.File) {
	if f.Version() == 1 {
		env.note(fmt.Sprintf("%s: %s", f.Name(), version1Note))
	}
}

const version1Note = "files of version 1 have no hashes: damage to their codebooks goes unnoticed"
