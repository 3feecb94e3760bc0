package main

import (
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/provenance"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/record"
)

// attestation is a conversion's receipt on its way.
type attestation struct {
	*record.Run
	keys []*attest.PrivateKey
}

// keys reads the keys that sign and the source's, and has the job say where its directory comes from.
func (c *convertCommand) keys(env *environment, job *convert.Job) (keys []*attest.PrivateKey, err error) {
	if c.Receipt == "" && !c.Attest && len(c.Sign) > 0 {
		return nil, usageError("--sign: name the attestation's file with --receipt, or give --attest")
	}
	for _, path := range c.Sign {
		key, err := attest.ReadPrivateKey(path)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if c.SourceKey != "" {
		if job.SourceKey, err = attest.ReadPublicKey(c.SourceKey); err != nil {
			return nil, err
		}
	}
	if c.Attest {
		builder, err := provenance.ThisProgram()
		if err != nil {
			return nil, err
		}
		job.Attest = func(ctx context.Context, made *convert.Finished) (map[string][]byte, error) {
			return provenance.Files(ctx, made, builder, keys...)
		}
	}
	return keys, nil
}

// newAttestation opens the receipt's file, before anything is converted.
func (c *convertCommand) newAttestation(keys []*attest.PrivateKey) (*attestation, error) {
	if !c.wanted() {
		return nil, nil
	}
	a := &attestation{keys: keys}
	var err error
	a.Run, err = c.receiptFlags.start(c.Threads, map[string]string{"source": c.Src, "output": c.Out})
	return a, err
}

// write says which sources became which files.
func (a *attestation) write(env *environment, c *convertCommand, report *convert.Report) error {
	claims, operations, err := record.Conversion(report)
	if err != nil {
		return err
	}
	a.Add(operations...)
	a.Measurements.Memory.Limit = int64(c.Memory)
	return a.WriteAs(env.ctx, claims, func(e *receipt.Execution, w io.Writer) error {
		if len(a.keys) == 0 {
			return e.Write(w)
		}
		envelope, err := record.SignConversion(env.ctx, e, claims, report.Output, a.keys...)
		if err == nil {
			_, err = w.Write(envelope)
		}
		return err
	})
}
