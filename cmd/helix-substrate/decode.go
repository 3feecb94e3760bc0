package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/dtype"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
)

type decodeCommand struct {
	File    string `input:"file" arg:"" name:"file" placeholder:"FILE" help:"A CDNA file, version 1, 2 or lossless."`
	Out     string `output:"array" name:"out" short:"o" required:"" placeholder:"OUT.npy" help:"Where the matrix goes, as float32; a lossless float64 or float16 one as it is."`
	Sidecar string `input:"file" name:"sidecar" placeholder:"S.hxzo" help:"The file of outliers, which are put back in their places."`
	receiptFlags
	JSON bool `name:"json" help:"Print a JSON report."`
}

func (c *decodeCommand) Help() string {
	return "Example:\n  helix-substrate decode w.cdna2.hxz -o w.npy --sidecar w.hxzo"
}

func (c *decodeCommand) Run(env *environment) error {
	kind, err := cdna.DetectFile(c.File)
	if err != nil {
		return err
	}
	if kind == cdna.KindLossless {
		if c.wanted() {
			return usageError("--receipt: of a lossless file, see convert --receipt")
		}
		return c.lossless(env)
	}
	f, err := openCDNA(env.ctx, c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	noteVersion1(env, f)
	var s *cdna.Sidecar
	if c.Sidecar != "" {
		if s, err = cdna.OpenSidecar(c.Sidecar); err != nil {
			return err
		}
	}
	rec, err := newRecord(c.receiptFlags, 1, map[string]string{"file": c.File, "sidecar": c.Sidecar})
	if err != nil {
		return err
	}
	defer rec.abort()
	start := time.Now()
	err = atomicfile.Write(c.Out, func(w io.Writer) error {
		return convert.Decode(env.ctx, w, f, s)
	})
	if err != nil {
		return err
	}
	if c.wanted() {
		claims, err := c.claims(env.ctx, f, s)
		if err != nil {
			return err
		}
		rec.Add(receipt.Operation{
			Name: receipt.OpDecode, TensorName: claims.Matrix.TensorName, Tensors: 1, Elements: int64(f.Rows()) * int64(f.Cols()),
			TimingMS: receipt.Milliseconds(time.Since(start)), Proof: receipt.Proof{Input: claims.Matrix.SHA256, Output: claims.Weights.SHA256},
		})
		if claims.Sidecar != nil {
			rec.Add(claims.Sidecar.Operation(claims.Matrix.TensorName, claims.Weights.SHA256))
		}
		if err := rec.write(env.ctx, claims); err != nil {
			return err
		}
	}
	return c.report(env, &f.Blocks, dtype.F32)
}

// claims say which matrix gave which weights.
func (c *decodeCommand) claims(ctx context.Context, f *cdna.File, s *cdna.Sidecar) (*receipt.DecodeClaims, error) {
	claims := &receipt.DecodeClaims{Operation: receipt.OpDecode}
	var err error
	if claims.Matrix, err = matrixClaim(f); err != nil {
		return nil, err
	}
	if s != nil {
		sum, _, err := model.HashFile(ctx, c.Sidecar)
		if err != nil {
			return nil, err
		}
		claims.Sidecar = &receipt.SidecarClaim{SHA256: sum, Applied: true, Corrections: len(s.Positions)}
	}
	claims.Weights, err = arrayClaim(ctx, c.Out)
	return claims, err
}

// arrayClaim names the values of a float32 .npy file, which it reads in pieces.
func arrayClaim(ctx context.Context, path string) (receipt.ArrayClaim, error) {
	r, err := npy.Open(path)
	if err != nil {
		return receipt.ArrayClaim{}, err
	}
	defer r.Close()
	h := sha256.New()
	size := 4 * int64(r.Len())
	for at, piece := int64(0), make([]byte, 1<<18); at < size; {
		piece = piece[:min(int64(len(piece)), size-at)]
		if err := context.Cause(ctx); err != nil {
			return receipt.ArrayClaim{}, err
		}
		if err := r.ReadRaw(piece, at); err != nil {
			return receipt.ArrayClaim{}, err
		}
		h.Write(piece)
		at += int64(len(piece))
	}
	return receipt.ArrayClaim{Shape: r.Shape(), SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// matrixClaim names a compressed matrix.
func matrixClaim(f *cdna.File) (receipt.MatrixClaim, error) {
	sum, err := f.Fingerprint()
	return receipt.MatrixClaim{TensorName: f.Header().TensorName, Shape: []int{f.Rows(), f.Cols()}, SHA256: sum}, err
}

func (c *decodeCommand) lossless(env *environment) error {
	if c.Sidecar != "" {
		return usageError("--sidecar: " + c.File + " is lossless and has none")
	}
	f, err := cdna.OpenLossless(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	var written dtype.Type
	err = atomicfile.Write(c.Out, func(w io.Writer) (err error) {
		written, err = convert.DecodeLossless(env.ctx, w, f)
		return err
	})
	if err != nil {
		return err
	}
	return c.report(env, &f.Blocks, written)
}

func (c *decodeCommand) report(env *environment, f *cdna.Blocks, written dtype.Type) error {
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{"file": c.Out, "tensor_name": f.Header().TensorName, "shape": []int{f.Rows(), f.Cols()}, "dtype": written})
	}
	name := map[dtype.Type]string{dtype.F64: "float64", dtype.F32: "float32", dtype.F16: "float16"}[written]
	_, err := fmt.Fprintf(env.stdout, "%s: %s %s\n", c.Out, shape(f.Rows(), f.Cols()), name)
	return err
}
