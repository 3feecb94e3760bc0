package s3

import (
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// scheme is before a bucket's name.
const scheme = "s3://"

// Is tells what is meant as an address in an object store.
func Is(name string) bool { return strings.HasPrefix(name, scheme) }

// Parse splits an address into the bucket and what its objects' keys begin with, taken as it is written: "" or without a
// slash at its end. Errors are ranges.ErrAddress.
func Parse(name string) (bucket, prefix string, err error) {
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(name, scheme), "/")
	prefix = strings.TrimSuffix(prefix, "/")
	if !Is(name) || s3utils.CheckValidBucketNameStrict(bucket) != nil || prefix != "" && ranges.CheckName(prefix) != nil {
		return "", "", fmt.Errorf("%s: %w; write s3://bucket/prefix", ranges.Shown(name), ranges.ErrAddress)
	}
	return bucket, prefix, nil
}

// location is what lies below a prefix of a bucket.
type location struct{ bucket, prefix string }

// key is that of a file's object; of "", what all keys begin with.
func (l location) key(name string) string {
	if l.prefix == "" {
		return name
	}
	return l.prefix + "/" + name
}

// Path is a file's address, that of all files where the name is none.
func (l location) Path(name string) string {
	if ranges.CheckName(name) != nil {
		name = ""
	}
	return strings.TrimSuffix(scheme+l.bucket+"/"+l.key(name), "/")
}
