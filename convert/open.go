package convert

import (
	"context"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/source"
)

// openSource opens what a job converts.
func openSource(ctx context.Context, job Job) (*checkpoint.Checkpoint, error) {
	return source.Open(ctx, job.Source, source.Options{Remote: job.Remote, Token: job.Token, File: job.File, Progress: job.Download})
}
