package main

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/provenance"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/transfer"
)

// remedies says what a user can do about an error. The first match counts.
var remedies = []struct {
	err    error
	remedy string
}{
	{convert.ErrNoTensors, "name a checkpoint that holds some"},
	{helix.ErrNoCheckpoint, "name a Hugging Face directory, or a file of safetensors, GGUF, PyTorch or NumPy"},
	{helix.ErrLFSPointer, "fetch it with 'git lfs pull'"},
	{helix.ErrQuantization, "docs/SOURCES.md lists what is read; name the original, unquantized model, or a GGUF file"},
	{helix.ErrScale, "the download is incomplete, or its configuration is another's"},
	{helix.ErrNoToken, "give --token or set HF_TOKEN"},
	{helix.ErrGated, "accept its terms on its page at the hub, and give --token or set HF_TOKEN"},
	{helix.ErrToken, "check the token: --token, HF_TOKEN"},
	{helix.ErrRepoNotFound, "check the path or the repository's name; a private one needs --token"},
	{helix.ErrRevisionNotFound, "check what follows the @"},
	{helix.ErrUnavailable, "check the connection, the address, or HF_ENDPOINT; what arrived is kept"},
	{helix.ErrBucket, "check the bucket's name, AWS_ENDPOINT_URL and AWS_REGION"},
	{helix.ErrOffline, "unset HF_HUB_OFFLINE to download it"},
	{helix.ErrChanged, "run the command again: there is a new version"},
	{helix.ErrDownload, "run the command again; if it persists, the server's copy is damaged"},
	{helix.ErrRoot, "it is another model, or the root is mistyped: ask whoever made it"},
	{transfer.ErrExists, "choose another directory or remove it first"},
	{transfer.ErrForeign, "move it away, or choose another directory"},
	{transfer.ErrBusy, "wait for it, or choose another directory"},
	{transfer.ErrTensors, "'helix-substrate inspect' lists a model's tensors"},
	{transfer.ErrDamaged, "'helix-substrate verify' says what is wrong with it"},
	{helix.ErrLogin, "log in with 'docker login' or 'oras login', or set DOCKER_CONFIG"},
	{helix.ErrLayers, "name an artifact that 'helix-substrate push' made, or another of files that are not packed"},
	{helix.ErrUnsafeName, "such a model is damaged or hostile"},
	{helix.ErrNoRanges, "leave --remote out to download it; a web server has to serve ranges, with ETag or Last-Modified"},
	{attest.ErrSignature, "it was signed with another key, or changed since"},
	{attest.ErrKey, "make keys with 'helix-substrate receipt keygen'"},
	{attest.ErrLayout, "it was changed where no signature covers it; or another program wrote it: --any-layout, for a model.sig"},
	{provenance.ErrMismatch, "it was changed, or is of another conversion: convert again with --attest"},
	{provenance.ErrUnsigned, "convert again with --attest --sign KEY"},
	{provenance.ErrEpoch, "unset it, or give seconds, such as those of 'date +%s'"},
	{convert.ErrSignature, "take the source from whoever signed it, or leave --source-key out"},
	{record.ErrUnsigned, "sign it with 'helix-substrate receipt sign'"},
	{attest.ErrModel, "sign it again, or copy the files again"},
	{attest.ErrStatement, "name an envelope that 'helix-substrate receipt sign' wrote"},
	{attest.ErrEnvelope, "name an envelope that 'helix-substrate receipt sign' wrote"},
	{chain.ErrLog, "'helix-substrate receipt log verify' says which entries; receipts go on in another log"},
	{errLogChanged, "compare it with a copy; receipts go on in another log"},
	{chain.ErrProof, "make it again with 'helix-substrate receipt log prove' or 'head'"},
	{chain.ErrRange, "'helix-substrate receipt log verify' says how many there are"},
	{helix.ErrTokenizerLimit, "its files are damaged or hostile: take the tokenizer from the model's own source"},
	{helix.ErrTokenizerNotFound, "copy the tokenizer's files of the original beside the weights"},
	{helix.ErrNoHead, "'helix-substrate embed' makes vectors of texts with it"},
	{helix.ErrPromptName, "leave --prompt out, or name one of these"},
	{convert.ErrShard, "name all directories that 'convert --shard' has made of one source with the same options"},
	{convert.ErrStatistics, "name the file that --statistics wrote, or another one to have them measured"},
	// before what is wrong with their JSON
	{helix.ErrHeader, "the file is damaged: copy or convert it again"},
	{helix.ErrBlocks, "the file is damaged: copy or convert it again"},
	{helix.ErrManifest, "it was changed, or is damaged: copy or convert the model again"},
	{receipt.ErrJSON, "name a receipt"},
	{receipt.ErrUTF8, "name a receipt"},
	{receipt.ErrNumber, "it was changed, or is damaged"},
	{receipt.ErrDuplicateKey, "it was changed, or is damaged"},
	{receipt.ErrLimit, "no run leaves such a receipt"},
	{receipt.ErrSchema, "name a receipt that helix-substrate or the Python original wrote"},
	{receipt.ErrInvalid, "it was changed, or is damaged"},
	{fs.ErrNotExist, "check the path"},
	{fs.ErrExist, "choose another output"},
	{fs.ErrPermission, "check the permissions"},
	{syscall.ENOSPC, "free space on that disk or choose another output"},
	{convert.ErrForeign, "move it away, or choose another output"},
	{convert.ErrBusy, "wait for it, or choose another output"},
	{convert.ErrSpace, "free space on that disk or choose another output"},
	{convert.ErrQuality, "lower --min-snr or --min-cosine, or keep the tensor with --tensor 'NAME=exact'"},
	{convert.ErrSize, "raise --size"},
	{convert.ErrText, "name a longer text, in UTF-8, with --calibrate, or leave it out for the built-in one"},
	{convert.ErrStatisticsOf, "name another file to have them measured"},
	{convert.ErrOverflow, "the weights are damaged, or no model for this text: convert it with --no-calibrate"},
	{convert.ErrKLD, "raise --kld"},
	{convert.ErrRebuild, "the directory is not from this source, or another version made it"},
	{helix.ErrExportExists, "choose another output or remove it first"},
	{helix.ErrUnexportable, "export it as .safetensors"},
	{helix.ErrExportFormat, "name the output FILE.safetensors or FILE.gguf"},
	{convert.ErrExists, "choose another output or remove it first"},
	{syscall.ENOTDIR, "check the path"},
	{helix.ErrKey, "docs/MODELS.md says what is supported; a key that the model does not need can be taken out of the file"},
	{memory.ErrLimit, "raise --memory; a smaller --context, or in a conversion --no-calibrate or --block-rows, takes less"},
	{helix.ErrBudget, "raise --memory"},
	{helix.ErrContext, "raise --context or shorten the prompt"},
	{generate.ErrTemplateMissing, "leave --chat out"},
	{generate.ErrTemplateLimit, "the template does more than a conversation needs: leave --chat out, or raise --memory"},
	{generate.ErrTemplateUnsupported, "leave --chat out"},
	{evaluate.ErrText, "give a longer text, or a smaller --window"},
	{generate.ErrLogits, "the weights hold NaN or infinities, or are damaged: see 'helix-substrate verify'"},
	{helix.ErrExpertUse, "write one with 'helix-substrate run DIR --learn-experts FILE', of a model directory that has experts"},
	{helix.ErrDraft, "name a smaller model of the same family, with the same tokenizer"},
	{generate.ErrVocabulary, "use the tokenizer that came with the model"},
	{helix.ErrNonFinite, "such values can be kept with encode or convert --nonfinite=sidecar"},
	{helix.ErrChecksum, "the file is damaged: copy or convert it again"},
	{helix.ErrCorrupt, "the file is damaged: copy or convert it again"},
	{helix.ErrSidecar, "name the sidecar that was written with this file"},
	{helix.ErrNotRegular, "name a file"},
	{helix.ErrTooLarge, "name another file"},
	{helix.ErrTruncated, "the file is incomplete: copy or convert it again"},
	{helix.ErrFormat, "see 'helix-substrate inspect FILE' for what a file is"},
	{helix.ErrVersion, "update helix-substrate"},
	{helix.ErrNotModel, "make one with 'helix-substrate convert SRC -o DIR'"},
	{helix.ErrMissing, "convert the model again"},
	{helix.ErrUnlisted, "remove it, or convert the model with it"},
	{helix.ErrOutside, "copy the file into the directory"},
	{helix.ErrMismatch, "it was changed or is damaged: convert the model again"},
	{helix.ErrShape, "see 'helix-substrate inspect FILE' for the matrix's shape, and --transpose for X @ Wᵀ"},
	{helix.ErrNPY, "expected a .npy file"},
	{helix.ErrNPYSize, "the file is incomplete: copy it again"},
	{helix.ErrSafetensorsTruncated, "the file is incomplete: copy it again"},
	{helix.ErrSafetensors, "expected a .safetensors file"},
	{helix.ErrCPU, "leave HELIX_CPU and --cpu out to let the program choose"},
}

// explain returns err as one line with a remedy where one is known.
func explain(err error) string {
	line := strings.Join(strings.Fields(err.Error()), " ")
	for _, r := range remedies {
		if errors.Is(err, r.err) {
			return line + " (" + r.remedy + ")"
		}
	}
	return line
}
