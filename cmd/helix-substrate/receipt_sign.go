package main

import (
	"fmt"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/overwrite"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/record"
)

type receiptSignCommand struct {
	Path    string   `input:"model" arg:"" name:"receipt" placeholder:"R" help:"A receipt; a signed one, which gets further signatures; or a model directory."`
	Key     []string `input:"file" name:"key" required:"" placeholder:"FILE" help:"A private key; may be repeated."`
	Out     string   `output:"signature" name:"out" short:"o" placeholder:"FILE" help:"The envelope (DSSE with an in-toto statement); of a model directory, its signature (default: model.sig in it)."`
	Subject []string `input:"model" name:"subject" placeholder:"FILE" help:"A file, or a model directory, that the receipt is about; may be repeated. Default: the claims themselves."`
}

func (c *receiptSignCommand) Help() string {
	return `Examples:
  helix-substrate receipt sign r.json --key alice.key -o r.dsse.json --subject model-dir
  helix-substrate receipt sign r.dsse.json --key bob.key -o both.dsse.json
  helix-substrate receipt sign model-dir --key alice.key`
}

// unnamedOutputs are those of no flag.
func (c *receiptSignCommand) unnamedOutputs() []overwrite.Output {
	if c.Out != "" || !isDir(c.Path) {
		return nil
	}
	return []overwrite.Output{{Flag: "the signature", Path: filepath.Join(c.Path, attest.ModelSignatureName), Kind: overwrite.Signature}}
}

func (c *receiptSignCommand) Run(env *environment) error {
	keys := make([]*attest.PrivateKey, len(c.Key))
	for i, path := range c.Key {
		var err error
		if keys[i], err = attest.ReadPrivateKey(path); err != nil {
			return err
		}
	}
	if isDir(c.Path) {
		return c.model(env, keys)
	}
	if c.Out == "" {
		return usageError("-o: name the envelope's file")
	}
	r, err := record.Read(env.ctx, c.Path)
	if err != nil {
		return err
	}
	var envelope []byte
	if r.Envelope != nil {
		if len(c.Subject) > 0 {
			return usageError("--subject: the subjects of a signed receipt are fixed")
		}
		document, err := attest.ReadDocument(c.Path)
		if err != nil {
			return err
		}
		if envelope, err = attest.AddSignatures(env.ctx, document, keys...); err != nil {
			return fmt.Errorf("%s: %w", c.Path, err)
		}
	} else {
		subjects := []attest.Subject{attest.SHA256Subject("claims", r.ClaimsSHA256)}
		if r.ClaimsSHA256 == "" {
			subjects[0] = attest.SHA256Subject("receipt", r.SHA256)
		}
		for i, path := range c.Subject {
			s, err := record.Subject(env.ctx, path)
			if err != nil {
				return err
			}
			if subjects = append(subjects, s); i == 0 {
				subjects = subjects[1:]
			}
		}
		if envelope, err = attest.Sign(env.ctx, subjects, attest.ReceiptPredicate, r.Document, keys...); err != nil {
			return fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	if err := attest.WriteEnvelope(c.Out, envelope); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%s: signed with %d keys\n", c.Out, len(keys))
	return err
}

// model signs a model directory in the layout of OpenSSF Model Signing.
func (c *receiptSignCommand) model(env *environment, keys []*attest.PrivateKey) error {
	if len(keys) != 1 || len(c.Subject) > 0 {
		return usageError("a model directory is signed with one --key and no --subject")
	}
	out := c.Out
	if out == "" {
		out = filepath.Join(c.Path, attest.ModelSignatureName)
	}
	if err := attest.SignModel(env.ctx, c.Path, out, keys[0]); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%s: signed with key %s\n", out, keys[0].ID())
	return nil
}
