package cdna

import (
	"errors"

	"github.com/helix-substrate/helix-substrate/internal/codec"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// Errors that reading and writing wrap; test for them with errors.Is. The message around them names the file and,
// where there is one, the block and the byte offset. Errors of the operating system are wrapped as they come.
var (
	ErrFormat     = errors.New("not in the expected format") // the first bytes are those of another format
	ErrVersion    = errors.New("unsupported version")        // right format, but a version unknown here
	ErrTruncated  = errors.New("truncated")                  // the file ends before what it announces
	ErrHeader     = errors.New("bad header")                 // not UTF-8, not JSON, a key missing, repeated or of the wrong kind
	ErrShape      = matrix.ErrShape                          // rows, cols or block_rows out of range, or data that does not fill the shape
	ErrBlockCount = errors.New("wrong number of blocks")     // the count disagrees with the header or the shape
	ErrBlockIndex = errors.New("bad block index")            // blocks overlap, leave gaps, or a block number is out of range
	ErrBlockSize  = errors.New("bad block size")             // a length that does not fit the block's rows, or no codec could produce
	ErrCodec      = errors.New("unknown encoding")           // a codec unknown here
	ErrLevel      = codec.ErrLevel                           // the codec has no such level
	ErrChecksum   = errors.New("checksum mismatch")          // decoded bytes differ from their SHA-256
	ErrCorrupt    = errors.New("corrupt data")               // bytes that do not decode, or contradict the head
	ErrSidecar    = errors.New("bad outlier sidecar")        // wrapped by every error about a sidecar's content, with the ones above

	ErrNotRegular = regularfile.ErrNotRegular // not a file that holds bytes, but a directory, a pipe, a device
)

// errClosed reports misuse of a Writer.
var errClosed = errors.New("writer already finished or aborted")
