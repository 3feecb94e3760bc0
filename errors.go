package helix

import (
	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/embedding"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/overwrite"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Errors of the packages below this one, under names of its own, for those who import no
// other; errors.Is tells them.

// Errors of CDNA files and sidecars.
var (
	ErrFormat    = cdna.ErrFormat     // another kind of file
	ErrVersion   = cdna.ErrVersion    // a later version of the format
	ErrTruncated = cdna.ErrTruncated  // the file ends before what it announces
	ErrCorrupt   = cdna.ErrCorrupt    // packed bytes that do not decode, or contradict the file's head
	ErrChecksum  = cdna.ErrChecksum   // content that differs from its SHA-256
	ErrSidecar   = cdna.ErrSidecar    // a sidecar that is damaged, or another matrix's
	ErrHeader    = cdna.ErrHeader     // a head that says what cannot be
	ErrBlocks    = cdna.ErrBlockIndex // an index whose blocks overlap or leave gaps
)

// Errors of checkpoints and their files; package checkpoint has more.
var (
	ErrNoCheckpoint         = checkpoint.ErrUnknown              // a path that holds none of a known kind
	ErrQuantization         = checkpoint.ErrQuantization         // weights quantized in a way that is not read
	ErrScale                = checkpoint.ErrScale                // scales that do not fit their matrix
	ErrNotRegular           = checkpoint.ErrNotRegular           // a directory, a pipe, a device
	ErrTooLarge             = checkpoint.ErrTooLarge             // larger than its kind can be
	ErrLFSPointer           = checkpoint.ErrLFSPointer           // what Git keeps in place of a large file
	ErrSafetensors          = checkpoint.ErrSafetensors          // a malformed header
	ErrSafetensorsTruncated = checkpoint.ErrSafetensorsTruncated // shorter than its header says
	ErrNPY                  = checkpoint.ErrNPY                  // not .npy, or an unknown version of it
	ErrNPYSize              = checkpoint.ErrNPYSize              // shorter or longer than its header says
)

// Errors of the Hugging Face hub.
var (
	ErrRepoNotFound     = checkpoint.ErrRepoNotFound     // no such repository, or a private one
	ErrRevisionNotFound = checkpoint.ErrRevisionNotFound // no such branch, tag or commit
	ErrGated            = checkpoint.ErrGated            // terms that the account has not accepted
	ErrNoToken          = checkpoint.ErrNoToken          // an access token is wanted
	ErrToken            = checkpoint.ErrToken            // an access token that is refused
	ErrUnavailable      = checkpoint.ErrUnavailable      // no connection, or a server that keeps failing
	ErrOffline          = checkpoint.ErrOffline          // not in the cache, in offline mode
	ErrChanged          = checkpoint.ErrChanged          // no longer the file that was listed
	ErrDownload         = checkpoint.ErrChecksum         // a file that arrived with the wrong content
	ErrNoRanges         = checkpoint.ErrNoRanges         // a server that does not serve parts of files
	ErrAddress          = checkpoint.ErrAddress          // an address that is not read, such as http:// of another machine
	ErrArtifact         = checkpoint.ErrArtifact         // what names no artifact of a registry
	ErrLayers           = checkpoint.ErrLayers           // an artifact that is no model whose files can be read
	ErrLogin            = checkpoint.ErrLogin            // a registry that wants other credentials
	ErrUnsafeName       = checkpoint.ErrUnsafeName       // a file's name that is not safe to store
	ErrBucket           = checkpoint.ErrBucket           // a bucket that the object store does not have
	ErrRoot             = checkpoint.ErrRoot             // not the model of the root that was named
)

// Errors of model directories.
var (
	ErrNotModel = model.ErrNotModel // no model directory
	ErrManifest = model.ErrManifest // a manifest that is damaged, or says what cannot be
	ErrMissing  = model.ErrMissing  // a file that the manifest lists is not there
	ErrUnlisted = model.ErrUnlisted // a file is there that the manifest does not list
	ErrOutside  = model.ErrOutside  // a file that lies elsewhere
	ErrMismatch = model.ErrMismatch // content that differs from the manifest
)

// Errors of running models and products.
var (
	ErrArchitecture      = arch.ErrArchitecture        // a family of models that is not known here
	ErrConfig            = arch.ErrConfig              // a configuration that makes no sense, or does not fit
	ErrKey               = arch.ErrKey                 // a key in it that is not supported; it is ErrConfig too
	ErrRepository        = generate.ErrRepository      // a repository of the hub, which is converted first
	ErrNoTokenizer       = generate.ErrNoTokenizer     // a model without a tokenizer
	ErrTokenizerNotFound = tokenizer.ErrNotFound       // a directory without a tokenizer's files; it is ErrNoTokenizer too
	ErrTokenizerLimit    = tokenizer.ErrLimit          // a tokenizer that takes too much
	ErrTemplate          = generate.ErrTemplate        // a chat template that cannot be used
	ErrTemplateMissing   = generate.ErrTemplateMissing // a model without one; it is ErrTemplate too
	ErrExpertUse         = model.ErrExpertUse          // a table of how often experts are used that is none, or another model's
	ErrDraft             = generate.ErrDraft           // a draft that has another vocabulary than the model
	ErrPrompt            = generate.ErrPrompt          // a prompt of no tokens
	ErrNoHead            = transformer.ErrNoHead       // a model that makes vectors of texts and does not continue them
	ErrModule            = embedding.ErrModule         // files that say of its vectors what is not supported
	ErrPromptName        = embedding.ErrPrompt         // a prompt for texts to embed that the model does not have
	ErrContext           = transformer.ErrContext      // more tokens than the context has room for
	ErrMemory            = memory.ErrLimit             // a memory limit that is too small; the message names one that would do
	ErrBudget            = stream.ErrBudget            // too little memory for a block of a product
	ErrShape             = stream.ErrShape             // vectors that do not fit the matrix
	ErrMatrixShape       = matrix.ErrShape             // another number of values than the shape has, or none
	ErrCPU               = stream.ErrLevel             // kernels that this machine does not have
)

// Errors of what was asked for.
var (
	ErrOption        = convert.ErrOption     // of a conversion
	ErrExists        = convert.ErrExists     // an output of it that is there already
	ErrOutput        = overwrite.ErrOutput   // an output that would destroy what is read, or what others wrote
	ErrProductOption = stream.ErrOption      // of a product, or of opening a model
	ErrTextOption    = generate.ErrOption    // of generating a text
	ErrDesignOption  = codebook.ErrOption    // of a codebook's design
	ErrCodecLevel    = cdna.ErrLevel         // an effort that the codec does not have
	ErrNonFinite     = codebook.ErrNonFinite // weights that are NaN or infinite
)

// Errors of calibrations.
var (
	ErrCalibrationText = convert.ErrText         // a text that says nothing about a model
	ErrStatistics      = convert.ErrStatistics   // a file that is no statistics, or damaged
	ErrStatisticsOf    = convert.ErrStatisticsOf // statistics of another model
	ErrOverflow        = convert.ErrOverflow     // a model whose activations on a text are no finite numbers
	ErrKLD             = convert.ErrKLD          // a divergence that no rate reaches
)
