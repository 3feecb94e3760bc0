package main

import (
	"bytes"
	"encoding/pem"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// authoritiesPath is where Go's programs look for whom to trust.
const authoritiesPath = "etc/ssl/certs/ca-certificates.crt"

// authorities are the certificates that Mozilla trusts for web servers, in PEM: those of a module whose hash go.sum has, so that
// they are the same for everybody. What it trusts with a condition, which PEM cannot say, is left out.
func authorities() []byte {
	b := bytes.NewBufferString("# Mozilla's roots for web servers, by golang.org/x/crypto/x509roots/fallback\n")
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return b.Bytes()
}
