package record

import (
	"context"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// ConversionClaims say what a model directory's manifest says of its conversion.
func ConversionClaims(m *model.Manifest) *receipt.ConvertClaims {
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

// Conversion returns the claims and the operations of a conversion that made the model
// directory of the report.
func Conversion(report *convert.Report) (*receipt.ConvertClaims, []receipt.Operation, error) {
	m, err := model.Open(report.Output)
	if err != nil {
		return nil, nil, err
	}
	var operations []receipt.Operation
	for _, t := range report.Tensors {
		e := m.Manifest.Tensors[t.Name]
		o := receipt.Operation{
			Name: receipt.OpConvert, TensorName: t.Name, TimingMS: receipt.Float(t.Seconds * 1000), Proof: receipt.Proof{Input: e.SourceSHA256, Output: e.SHA256},
		}
		if r := t.Matrix; r != nil {
			mse, worst, cosine := receipt.Float(r.MSE), receipt.Float(r.MaxAbsError), receipt.Float(r.Cosine)
			o.MSE, o.MaxError, o.Cosine = &mse, &worst, &cosine
			o.Elements, o.Outliers = int64(r.Rows)*int64(r.Cols), r.Outliers
		}
		operations = append(operations, o)
	}
	return ConversionClaims(m.Manifest), operations, nil
}

// SignConversion returns the receipt of a conversion in an envelope signed by keys, about
// the model directory dir, by its root, and each of its files.
func SignConversion(ctx context.Context, e *receipt.Execution, claims *receipt.ConvertClaims, dir string, keys ...*attest.PrivateKey) ([]byte, error) {
	document, err := e.Canonical()
	if err != nil {
		return nil, err
	}
	subjects := []attest.Subject{attest.SHA256Subject(filepath.Base(filepath.Clean(dir)), claims.Root)}
	for _, f := range claims.Outputs {
		subjects = append(subjects, attest.SHA256Subject(f.Name, f.SHA256))
	}
	manifest, _, err := model.HashFile(ctx, filepath.Join(dir, model.ManifestName))
	if err != nil {
		return nil, err
	}
	subjects = append(subjects, attest.SHA256Subject(model.ManifestName, manifest))
	return attest.Sign(ctx, subjects, attest.ReceiptPredicate, document, keys...)
}
