package convert

import (
	"context"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/overwrite"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// openSource opens what a job converts.
func openSource(ctx context.Context, job Job) (*checkpoint.Checkpoint, error) {
	o := checkpoint.Options{Remote: job.Remote, Token: job.Token, File: job.File, Progress: job.Download}
	if job.Place != nil {
		return checkpoint.OpenPlace(ctx, job.Place, job.Source, o)
	}
	return checkpoint.OpenSource(ctx, job.Source, o)
}

// inputs are what the job reads on disk, which no output may destroy.
func (j *Job) inputs() []overwrite.Input {
	path := j.Source
	if j.Place != nil {
		dir, onDisk := j.Place.(place.Dir)
		if !onDisk {
			return nil
		}
		path = string(dir)
	}
	return []overwrite.Input{{Flag: "source", Path: path, Kind: overwrite.Model}}
}
