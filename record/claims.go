package record

import (
	"context"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/storage"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Decode returns the claims and the operations, but for their time, of a CDNA or lattice file that was
// expanded into the float32 .npy file out, with so many outliers of a sidecar, if there was
// one.
func Decode(ctx context.Context, file, sidecar, out string, outliers int) (*receipt.DecodeClaims, []receipt.Operation, error) {
	f, err := stream.OpenIndexed(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	claims := &receipt.DecodeClaims{Operation: receipt.OpDecode}
	if claims.Matrix, err = matrixClaim(ctx, f); err != nil {
		return nil, nil, err
	}
	if sidecar != "" {
		sum, _, err := model.HashFile(ctx, sidecar)
		if err != nil {
			return nil, nil, err
		}
		claims.Sidecar = &receipt.SidecarClaim{SHA256: sum, Applied: true, Corrections: outliers}
	}
	if claims.Weights, err = arrayClaim(ctx, out); err != nil {
		return nil, nil, err
	}
	operations := []receipt.Operation{{
		Name: receipt.OpDecode, TensorName: claims.Matrix.TensorName, Tensors: 1, Elements: int64(f.Base().Rows()) * int64(f.Base().Cols()),
		Proof: receipt.Proof{Input: claims.Matrix.SHA256, Output: claims.Weights.SHA256},
	}}
	if claims.Sidecar != nil {
		operations = append(operations, claims.Sidecar.Operation(claims.Matrix.TensorName, claims.Weights.SHA256))
	}
	return claims, operations, nil
}

// matrixClaim names a compressed matrix.
func matrixClaim(ctx context.Context, f stream.IndexedFile) (receipt.MatrixClaim, error) {
	sum, err := f.Fingerprint(ctx)
	b := f.Base()
	return receipt.MatrixClaim{TensorName: b.Header().TensorName, Shape: []int{b.Rows(), b.Cols()}, SHA256: sum}, err
}

// arrayClaim names the values of a float32 .npy file, which it reads in pieces.
func arrayClaim(ctx context.Context, path string) (receipt.ArrayClaim, error) {
	r, err := npy.Open(path)
	if err != nil {
		return receipt.ArrayClaim{}, err
	}
	defer r.Close()
	sum, err := storage.SumBy(4*int64(r.Len()), func(p []byte, off int64) error { return r.ReadRaw(ctx, p, off) })
	return receipt.ArrayClaim{Shape: r.Shape(), SHA256: sum}, err
}

// VerificationClaims say what a verification of a model directory, or of one file where m is
// nil, has found.
func VerificationClaims(ctx context.Context, m *model.Model, checks []model.Check, rebuilt bool) (*receipt.VerifyClaims, error) {
	claims := &receipt.VerifyClaims{Operation: receipt.OpVerify, Kind: "file", Checked: len(checks), Damaged: []string{}, Rebuilt: rebuilt}
	for _, k := range checks {
		if claims.Blocks += k.Blocks; k.Err != nil {
			claims.Damaged = append(claims.Damaged, k.Name)
		}
	}
	if m == nil {
		claims.SHA256 = checks[0].SHA256
		return claims, nil
	}
	claims.Kind = "model"
	var err error
	if claims.SHA256, err = m.Root(ctx); err != nil {
		return nil, err
	}
	if claims.Content, err = m.Content(ctx); err != nil && len(claims.Damaged) > 0 {
		claims.Content, err = "", nil // what is damaged may not open
	}
	return claims, err
}
