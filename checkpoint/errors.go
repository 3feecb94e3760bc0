package checkpoint

import (
	"errors"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/oci"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/internal/s3"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/internal/torch"
	"github.com/helix-substrate/helix-substrate/storage"
)

// Errors of opening and reading a checkpoint, wrapped with the file and the place.
var (
	// ErrUnknown reports a path that holds no checkpoint of a known kind.
	ErrUnknown = errors.New("no checkpoint")
	// ErrScale reports a quantized matrix whose scales and the like do not fit it, or
	// settings of its quantization that make no sense.
	ErrScale = errors.New("bad scales")
	// ErrQuantization reports weights that are quantized in a way that is not read.
	ErrQuantization = errors.New("a quantization that is not supported")
)

// Errors of files.
var (
	// ErrNotRegular reports a path that names something else than a regular file.
	ErrNotRegular = storage.ErrNotRegular
	// ErrTooLarge reports a file that is larger than its kind can be.
	ErrTooLarge = storage.ErrTooLarge
	// ErrLFSPointer reports a file that holds what Git keeps in place of a large one.
	ErrLFSPointer = storage.ErrLFSPointer
)

// Errors of the kinds of files.
var (
	// ErrSafetensors reports a malformed header of a safetensors file,
	// ErrSafetensorsTruncated a file shorter than that says.
	ErrSafetensors          = safetensors.ErrHeader
	ErrSafetensorsTruncated = safetensors.ErrTruncated
	// ErrGGUF reports a file that is not GGUF, ErrGGUFTruncated one shorter than its header
	// says.
	ErrGGUF          = gguf.ErrFormat
	ErrGGUFTruncated = gguf.ErrTruncated
	// ErrNoKey reports a metadata key that a GGUF file does not have, ErrKind a value of
	// another kind than asked for.
	ErrNoKey = gguf.ErrNoKey
	ErrKind  = gguf.ErrKind
	// ErrTorch reports a file that is no PyTorch checkpoint, or whose archive is malformed;
	// ErrTorchTruncated one that was cut short; ErrTorchLegacy one from before PyTorch 1.6;
	// ErrTorchObject a pickle with Python objects that are neither tensors nor plain values.
	ErrTorch          = torch.ErrFormat
	ErrTorchTruncated = torch.ErrTruncated
	ErrTorchLegacy    = torch.ErrLegacy
	ErrTorchObject    = torch.ErrGlobal
	// ErrNPY reports a file that is not .npy or a version of it that is unknown, ErrNPYSize one
	// shorter or longer than its header says.
	ErrNPY     = npy.ErrFormat
	ErrNPYSize = npy.ErrSize
)

var (
	// ErrAddress reports an address of a web server or in an object store that is not read.
	ErrAddress = ranges.ErrAddress
	// ErrBucket reports a bucket that is not in the object store.
	ErrBucket = s3.ErrBucket
)

// Errors of registries.
var (
	// ErrArtifact reports what names no artifact of a registry.
	ErrArtifact = oci.ErrAddress
	// ErrLayers reports an artifact that is no model whose files can be read.
	ErrLayers = oci.ErrManifest
	// ErrLogin reports a registry that wants other credentials than docker's configuration has for it.
	ErrLogin = oci.ErrCredentials
	// ErrUnsafeName reports a file's name, as a server or a manifest has it, that is not safe to store.
	ErrUnsafeName = filename.ErrUnsafe
)

// Errors of the Hugging Face hub, of web servers and of object stores.
var (
	// ErrEndpoint reports an HF_ENDPOINT that is not the address of a server.
	ErrEndpoint = hub.ErrEndpoint
	// ErrRepo reports what is not a repository id.
	ErrRepo = hub.ErrRepo
	// ErrRepoNotFound reports a repository that does not exist or is private: the
	// hub does not tell which.
	ErrRepoNotFound = hub.ErrRepoNotFound
	// ErrRevisionNotFound reports a branch, tag or commit that does not exist.
	ErrRevisionNotFound = hub.ErrRevisionNotFound
	// ErrGated reports a repository whose terms the account has not accepted.
	ErrGated = hub.ErrGated
	// ErrNoToken reports that the hub wants a token and there is none. It comes
	// with ErrGated or ErrRepoNotFound where the hub says so.
	ErrNoToken = hub.ErrNoToken
	// ErrToken reports a token that the hub refuses.
	ErrToken = hub.ErrToken
	// ErrUnavailable reports a server that could not be reached or kept failing.
	ErrUnavailable = hub.ErrUnavailable
	// ErrOffline reports something that is not in the cache, in offline mode.
	ErrOffline = hub.ErrOffline
	// ErrResponse reports an answer that makes no sense or is too large.
	ErrResponse = hub.ErrResponse
	// ErrChanged reports a file that is not, or no longer, the listed one.
	ErrChanged = hub.ErrChanged
	// ErrChecksum reports a file that was downloaded whole with the wrong content.
	ErrChecksum = hub.ErrChecksum
	// ErrNoRanges reports a server that does not serve parts of a file.
	ErrNoRanges = hub.ErrNoRanges
)
