package overwrite

import (
	"io"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// beginnings are how the files of a kind begin that the program writes: what is there and
// begins otherwise is somebody else's, and stays. Kinds without one are never replaced, or
// have checks of their own.
var beginnings = map[OutputKind][]string{
	Array:     {"\x93NUMPY"},
	Matrix:    {"HXZ2", "HXZC", "HXZL"},
	Outliers:  {"HXZO"},
	Report:    {"<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>Conversion of "},
	Plot:      {"\x89PNG", "<?xml version=\"1.0\"?>\n<!-- Structural Entropy"},
	Receipt:   {"{\n  \"schema\": \"execution_receipt:", inToto},
	Answers:   {"{\"id\":\"batch_req_"},
	Experts:   {"{\"schema\":\"expert_use_v"},
	Signature: {inToto, "{\"mediaType\":\"application/vnd.dev.sigstore.bundle"},
}

// inToto begins signed receipts (package receipt/attest).
const inToto = "{\"payloadType\":\"application/vnd.in-toto+json\""

// longestBeginning is more than the longest of them has.
const longestBeginning = 256

// foreign tells whether an output's file is there and is none that the program writes as
// such. An empty file is nobody's; what is no regular file is refused by those who write.
func (w written) foreign() bool {
	known, replaced := beginnings[w.Kind]
	if !replaced || w.info == nil || !w.info.Mode().IsRegular() || w.info.Size() == 0 {
		return false
	}
	f, _, err := regularfile.Open(w.real)
	if err != nil {
		return true // nobody can tell
	}
	defer f.Close()
	start := make([]byte, longestBeginning)
	n, err := io.ReadFull(f, start)
	if err != nil && err != io.ErrUnexpectedEOF {
		return true
	}
	for _, beginning := range known {
		if strings.HasPrefix(string(start[:n]), beginning) {
			return false
		}
	}
	return true
}
