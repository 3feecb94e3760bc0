package record

import (
	"context"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Forward runs ids through the session of a model, opened with o, gives visit the logits
// that follow each token, as [transformer.Session.Forward] does, and returns the claims and
// the operation of it, but for its time. of says which model it is; without that nothing is
// hashed, and there are no claims.
func Forward(ctx context.Context, on *transformer.Model, s *transformer.Session, o transformer.Options, of *Model, ids []int, visit func(i int, logits []float32) error) (*receipt.ForwardClaims, receipt.Operation, error) {
	var hasher receipt.Hasher
	err := s.Forward(ctx, ids, 0, func(i int, logits []float32) error {
		if of != nil {
			hasher.Add(logits)
		}
		return visit(i, logits)
	})
	if err != nil || of == nil {
		return nil, receipt.Operation{}, err
	}
	claims := &receipt.ForwardClaims{
		Operation: receipt.OpForward, Model: of.Claim, Context: on.Plan.Context, CacheType: string(on.Plan.CacheType), Canon: string(on.Canon()), CanonVersion: transformer.CanonVersion, Verify: VerifyClaim(o.Verify),
		TokenIDs: ids, LogitsSHA256: hasher.Sums(),
	}
	claims.Model.Architecture = on.Config.Architecture
	operation, err := forwardOperation(claims)
	return claims, operation, err
}

// ForwardFile is [Forward] into the .npy file at path, [tokens, vocabulary], which appears when
// it is whole: row i follows token i. Logits that are NaN or +Inf are [generate.ErrLogits].
func ForwardFile(ctx context.Context, on *transformer.Model, s *transformer.Session, o transformer.Options, of *Model, ids []int, path string) (claims *receipt.ForwardClaims, operation receipt.Operation, err error) {
	err = atomicfile.Write(path, func(w io.Writer) error {
		out, err := npy.NewWriter(w, []int{len(ids), on.Config.Vocab})
		if err != nil {
			return err
		}
		claims, operation, err = Forward(ctx, on, s, o, of, ids, func(i int, logits []float32) error {
			if err := generate.CheckLogits(logits); err != nil {
				return fmt.Errorf("after token %d of the text: %w", i+1, err)
			}
			return out.Write(logits)
		})
		if err != nil {
			return err
		}
		return out.Close()
	})
	return claims, operation, err
}

// forwardOperation is the operation beside the claims.
func forwardOperation(claims *receipt.ForwardClaims) (receipt.Operation, error) {
	output, err := receipt.Digest(claims.LogitsSHA256)
	return receipt.Operation{
		Name: receipt.OpForward, Elements: int64(len(claims.TokenIDs)),
		Proof: receipt.Proof{Input: receipt.HashIDs(claims.TokenIDs), Output: output},
	}, err
}
