package receipt

// ConvertClaims say what a conversion made of what: with the source and the program of
// that version they are enough to make it again, byte for byte.
type ConvertClaims struct {
	Operation  string         `json:"operation"` // OpConvert
	Tool       string         `json:"tool"`
	Repository string         `json:"source_repository,omitempty"` // owner/name@commit
	Sources    []FileClaim    `json:"sources"`                     // files with weights
	Options    map[string]any `json:"options"`
	Root       string         `json:"root_sha256"` // of the model directory
	Outputs    []FileClaim    `json:"outputs"`     // all files but the manifest, by name
}

// FileClaim names a file by its hash.
type FileClaim struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}
