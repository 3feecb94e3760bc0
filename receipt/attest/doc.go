// Package attest signs receipts and models in forms that other programs verify.
//
// A receipt becomes the predicate of an in-toto Statement v1, whose subjects are files
// by their SHA-256, and the statement the payload of a DSSE envelope, signed by one or
// more keys ([Sign], [Open]). A model directory gets a model.sig in the layout of
// OpenSSF Model Signing ([SignModel], [VerifyModel]): a Sigstore bundle with such an
// envelope, that model_signing verifies with the public key.
//
// Keys are Ed25519, or ECDSA on P-256, the only one of the two that model_signing
// takes; their files are PEM (PKCS #8 and PKIX), as openssl has them.
//
// Sources: in-toto Attestation Framework, spec/v1/statement.md; DSSE, protocol.md and
// envelope.md; OpenSSF Model Signing, predicate https://model_signing/signature/v1.0.
package attest
