package convert

import (
	"context"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
)

// openSource opens what a job converts.
func openSource(_ context.Context, job Job) (*checkpoint.Checkpoint, error) {
	return checkpoint.Open(job.Source)
}
