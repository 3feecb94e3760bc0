// Package oci reads and writes models as artifacts of OCI registries: one layer a file, of the media types and with the
// annotations of the CNCF's model specification (ModelPack), in the clear, so that a range of a layer is a range of the file
// and a file that does not change is sent once.
//
//	at, err := oci.Parse("oci://registry.example/models/tinystories:v1")
//	place, err := oci.Open(ctx, at, oci.Options{}) // a storage.Place
//
// # What is trusted
//
// Nothing that arrives. Manifests are bounded, names that could leave a directory are errors, and what a layer holds is
// for whoever reads it to compare: with the layer's digest, or with the hashes of a model's own manifest. Where the address
// has a digest, the manifest must have it.
//
// Credentials are those of docker's configuration, and go to the registry, and to the server of tokens that it names; where
// it redirects to for a blob gets none.
package oci
