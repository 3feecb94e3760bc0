package main

import (
	"io"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// attestation is a conversion's receipt on its way.
type attestation struct {
	*record
	keys []*attest.PrivateKey
}

// newAttestation opens the receipt's file, before anything is converted.
func (c *convertCommand) newAttestation() (*attestation, error) {
	if c.Receipt == "" && len(c.Sign) > 0 {
		return nil, usageError("--sign: name the attestation's file with --receipt")
	}
	if !c.wanted() {
		return nil, nil
	}
	a := &attestation{}
	for _, path := range c.Sign {
		key, err := attest.ReadPrivateKey(path)
		if err != nil {
			return nil, err
		}
		a.keys = append(a.keys, key)
	}
	var err error
	a.record, err = newRecord(c.receiptFlags, c.Threads, map[string]string{"source": c.Src, "output": c.Out})
	return a, err
}

// write says which sources became which files.
func (a *attestation) write(env *environment, c *convertCommand, report *convert.Report) error {
	m, err := model.Open(report.Output)
	if err != nil {
		return err
	}
	claims := convertClaims(m.Manifest)
	entries := m.Manifest.Tensors
	for _, t := range report.Tensors {
		e := entries[t.Name]
		o := receipt.Operation{
			Name: receipt.OpConvert, TensorName: t.Name, TimingMS: receipt.Float(t.Seconds * 1000), Proof: receipt.Proof{Input: e.SourceSHA256, Output: e.SHA256},
		}
		if r := t.Matrix; r != nil {
			mse, worst, cosine := receipt.Float(r.MSE), receipt.Float(r.MaxAbsError), receipt.Float(r.Cosine)
			o.MSE, o.MaxError, o.Cosine = &mse, &worst, &cosine
			o.Elements, o.Outliers = int64(r.Rows)*int64(r.Cols), r.Outliers
		}
		a.Add(o)
	}
	a.Measurements.Memory.Limit = int64(c.Memory)
	return a.writeAs(env.ctx, claims, func(e *receipt.Execution, w io.Writer) error {
		if len(a.keys) == 0 {
			return e.Write(w)
		}
		return a.sign(env, e, w, claims, report.Output)
	})
}

// convertClaims say what a model directory's manifest says of its conversion.
func convertClaims(m *model.Manifest) *receipt.ConvertClaims {
	claims := &receipt.ConvertClaims{
		Operation: receipt.OpConvert, Tool: m.Tool, Repository: m.Repository, Options: m.Options, Root: m.Root(),
		Sources: []receipt.FileClaim{}, Outputs: []receipt.FileClaim{},
	}
	for _, f := range m.Sources {
		claims.Sources = append(claims.Sources, receipt.FileClaim{Name: f.File, Bytes: f.Bytes, SHA256: f.SHA256})
	}
	for _, f := range m.AllFiles() { // by name
		claims.Outputs = append(claims.Outputs, receipt.FileClaim{Name: f.File, Bytes: f.Bytes, SHA256: f.SHA256})
	}
	return claims
}

// sign writes the receipt in an envelope about the output, by its root, and each of its
// files.
func (a *attestation) sign(env *environment, e *receipt.Execution, w io.Writer, claims *receipt.ConvertClaims, output string) error {
	document, err := e.Canonical()
	if err != nil {
		return err
	}
	subjects := []attest.Subject{attest.SHA256Subject(filepath.Base(filepath.Clean(output)), claims.Root)}
	for _, f := range claims.Outputs {
		subjects = append(subjects, attest.SHA256Subject(f.Name, f.SHA256))
	}
	manifest, _, err := model.HashFile(env.ctx, filepath.Join(output, model.ManifestName))
	if err != nil {
		return err
	}
	subjects = append(subjects, attest.SHA256Subject(model.ManifestName, manifest))
	envelope, err := attest.Sign(env.ctx, subjects, attest.ReceiptPredicate, document, a.keys...)
	if err == nil {
		_, err = w.Write(envelope)
	}
	return err
}
