// Package provenance says where a model directory comes from, in forms that other programs read.
//
// A conversion whose [convert.Job] has an Attest that calls [Files] leaves beside the model:
//
//   - provenance.json: SLSA provenance v1, an in-toto statement about every file, and if there are
//     keys, in a DSSE envelope signed by them;
//   - bom.cdx.json: a CycloneDX 1.6 bill of materials of the model, its source and its measured quality;
//   - model.sig, if there are keys: the signature of OpenSSF Model Signing, of all files and these.
//
// All of it follows from the manifest and the [Builder], so that it is the same wherever the
// conversion is done, and [Check] can make it again and compare. The manifest in turn is what
// convert.Rebuild makes again from the source. docs/PROVENANCE.md documents the build type.
package provenance
