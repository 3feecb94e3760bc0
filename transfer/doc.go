// Package transfer copies model directories to where others read them, and back.
//
//	r, err := transfer.Push(ctx, "tinystories", "oci://registry.example/models/tinystories:v1", transfer.PushOptions{})
//	if err != nil {
//		return err
//	}
//	fmt.Println(r.Address, r.Root) // what names this version for good, and the root by which it is known
//	_, err = transfer.Pull(ctx, r.Address, "copy", transfer.PullOptions{Root: r.Root})
//
// A model is verified before anything of it is sent, and each file while it is written: by its hash in the manifest, which
// the root covers. Files that are there already are not sent, or fetched, again; so what was stopped goes on. The place where
// a model goes to becomes a model, or another version of it, only when all of its files are there: by a tag, a commit, or the
// manifest, which is written last.
package transfer

import (
	"errors"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/oci"
)

// Errors of transfers, beside those of [checkpoint.Find].
var (
	// ErrAddress reports what a model cannot be sent to.
	ErrAddress = errors.New("a model cannot be sent there")
	// ErrDamaged reports a model that is not sent since it is not whole.
	ErrDamaged = errors.New("the model is damaged")
	// ErrExists reports a directory that is there and no part of the model.
	ErrExists = errors.New("it exists already")
	// ErrForeign reports an unfinished directory with something in it that is not of the model.
	ErrForeign = errors.New("it is not of this model")
	// ErrBusy reports a directory that another process is filling.
	ErrBusy = errors.New("another process is at work on it")
	// ErrTensors reports an expression that chooses no tensors, or is none.
	ErrTensors = errors.New("no such tensors")
	// ErrName reports a model with a file whose name is not safe to store on every system.
	ErrName = filename.ErrUnsafe
	// ErrLogin reports a registry that wants other credentials than docker's configuration has for it.
	ErrLogin = oci.ErrCredentials
)
