package cdna

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// The head of a v2 file is everything before its first block: header, codebook and block index. The format hashes
// only the blocks; files written here also carry, as the last member of the JSON header,
//
//	"head_sha256":"<64 lower-case hex digits>"
//
// the SHA-256 of the head with these 64 digits counted as '0'. The block index holds the blocks' own sums, so this one
// number stands for all that the file holds. Readers that do not know the key ignore it.
const keyHeadSum = "head_sha256"

var noHeadSum = strings.Repeat("0", 2*sha256.Size)

// headSumDigits finds the digits within the head, whose JSON text ends at byte end. It returns nil when the member is
// not the last of the JSON object or not written as above.
func headSumDigits(head []byte, end int) []byte {
	text := bytes.TrimRight(head[prefixLen:end], " ")
	member := len(`"`+keyHeadSum+`":"`) + len(noHeadSum) + len(`"}`)
	if len(text) < member || !bytes.HasPrefix(text[len(text)-member:], []byte(`"`+keyHeadSum+`":"`)) {
		return nil
	}
	return text[len(text)-len(noHeadSum)-len(`"}`) : len(text)-len(`"}`)]
}

// sealHead computes the sum and writes it in its place.
func sealHead(head []byte, end int) {
	copy(headSumDigits(head, end), sumHead(head, end))
}

// sumHead returns the SHA-256, in hex, of a head, its own digits, if it has them, counted as '0'.
func sumHead(head []byte, end int) string {
	digits := headSumDigits(head, end)
	recorded := string(digits)
	copy(digits, noHeadSum)
	sum := sha256.Sum256(head)
	copy(digits, recorded)
	return hex.EncodeToString(sum[:])
}

// checkHead returns the sum of the head and compares it with what the header gives as want, unless that is empty.
func checkHead(head []byte, end int, want string) (string, error) {
	got := sumHead(head, end)
	if want == "" {
		return got, nil
	}
	if digits := headSumDigits(head, end); string(digits) != want {
		return "", fmt.Errorf("%w: %s is not the last member", ErrHeader, keyHeadSum)
	}
	if got != want {
		return "", fmt.Errorf("%w: header, codebook or block index changed: SHA-256 %s, recorded %s", ErrChecksum, got, want)
	}
	return got, nil
}
