package main

import (
	"fmt"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/record"
)

type receiptVerifyCommand struct {
	Path       string   `input:"model" arg:"" name:"receipt" placeholder:"R" help:"A receipt, signed or not; or a model directory with its model.sig."`
	Key        []string `input:"file" name:"key" placeholder:"FILE.pub" help:"A public key whose signature must be there and valid; may be repeated."`
	RequireKey bool     `name:"require-key" help:"Fail where no key was given: a receipt without a checked signature proves nothing about who wrote it."`
	Subject    []string `input:"model" name:"subject" placeholder:"FILE" help:"A file, or a model directory, that must be among the subjects as it is now; may be repeated."`
	AnyLayout  bool     `name:"any-layout" help:"Accept a model.sig that another program wrote: changes to what no signature covers in it, such as the key's name, go unseen."`
	Signature  string   `input:"file" name:"signature" placeholder:"FILE" help:"A model directory's signature (default: model.sig in it)."`
}

func (c *receiptVerifyCommand) Help() string {
	return `Examples:
  helix-substrate receipt verify r.json
  helix-substrate receipt verify r.dsse.json --key alice.pub --key bob.pub
  helix-substrate receipt verify model-dir --key alice.pub`
}

func (c *receiptVerifyCommand) Run(env *environment) error {
	if c.RequireKey && len(c.Key) == 0 {
		return usageError("--require-key: name the keys with --key")
	}
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	if isDir(c.Path) {
		return c.model(env, keys)
	}
	r, err := record.Read(env.ctx, c.Path, keys...)
	if err != nil {
		return err
	}
	for _, path := range c.Subject {
		if err := checkSubject(env, path, r.Subjects); err != nil {
			return err
		}
	}
	signed := "not signed"
	if r.Envelope != nil {
		valid := 0
		for _, s := range r.Envelope.Signatures {
			if s.Valid {
				valid++
			}
		}
		signed = fmt.Sprintf("%d of %d signatures checked and valid", valid, len(r.Envelope.Signatures))
	}
	fmt.Fprintf(env.stdout, "OK %s: hashes are right; %s\n", c.Path, signed)
	return nil
}

// model checks the signature of a model directory and all its files.
func (c *receiptVerifyCommand) model(env *environment, keys []*attest.PublicKey) error {
	if len(keys) != 1 {
		return usageError("a model directory is verified with one --key")
	}
	signature := c.Signature
	if signature == "" {
		signature = filepath.Join(c.Path, attest.ModelSignatureName)
	}
	s, err := attest.VerifyModel(env.ctx, c.Path, signature, keys[0], c.AnyLayout)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "OK %s: every file is as it was signed, sha256 %s\n", c.Path, s.Subject[0].Digest["sha256"])
	return nil
}

func checkSubject(env *environment, path string, subjects []attest.Subject) error {
	want, err := record.Subject(env.ctx, path)
	if err != nil {
		return err
	}
	for _, s := range subjects {
		if s.Digest["sha256"] == want.Digest["sha256"] {
			return nil
		}
	}
	return fmt.Errorf("%s: sha256 %s is no subject of the receipt: %w", path, want.Digest["sha256"], attest.ErrModel)
}
