package receipt

import (
	"encoding/json"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// Recorder collects what a run does, whatever the operation, and makes its receipt:
//
//	r := receipt.NewRecorder(time.Now())
//	r.Measurements.Program.Version = version
//	... the run ...
//	r.Add(receipt.Operation{Name: receipt.OpVerify, ...})
//	e, err := r.Receipt(claims, time.Now())
//	...
//	err = e.Write(w)
//
// It is for one goroutine.
type Recorder struct {
	// Measurements are the caller's to fill in; program, its digest, start and duration are set.
	Measurements Measurements
	// Detail becomes Measurements.Detail.
	Detail     any
	started    time.Time
	operations []Operation
}

// NewRecorder starts the receipt of a run.
func NewRecorder(now time.Time) *Recorder {
	return &Recorder{
		started: now,
		Measurements: Measurements{
			Program: Program{Name: "helix-substrate", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH},
			Started: now.UTC().Format(time.RFC3339),
		},
	}
}

// Add notes an operation. An empty status becomes FAIL with an error, WARN with
// warnings, else OK.
func (r *Recorder) Add(list ...Operation) {
	for _, o := range list {
		switch {
		case o.Status != "":
		case o.Error != nil:
			o.Status = StatusFail
		case len(o.Warnings) > 0:
			o.Status = StatusWarn
		default:
			o.Status = StatusOK
		}
		if o.Warnings == nil {
			o.Warnings = []string{}
		}
		r.operations = append(r.operations, o)
	}
}

// Operations returns what was added so far, in a list of the caller's.
func (r *Recorder) Operations() []Operation { return slices.Clone(r.operations) }

// Receipt makes the receipt of a run that ended now. Claims are a struct such as
// [GenerationClaims], with a field "operation"; nil for none. The recorder can go on
// and make another, later one.
func (r *Recorder) Receipt(claims any, now time.Time) (*Execution, error) {
	m := r.Measurements
	m.DurationMS = Milliseconds(now.Sub(r.started))
	m.Program.SHA256 = ProgramSHA256()
	e := &Execution{
		Schema: ExecutionSchema, Band: "alpha", Verdict: "NOT_CHECKED", GitCommit: commit(),
		Operations: append([]Operation{}, r.operations...), Gates: json.RawMessage("{}"), SyscallReceipts: []json.RawMessage{},
		Timestamp: now.UTC().Format(time.RFC3339), Measurements: &m,
	}
	e.aggregate()
	var err error
	if r.Detail != nil {
		if m.Detail, err = CanonicalOf(r.Detail); err != nil {
			return nil, err
		}
	}
	if len(m.Memory.Plan) > 0 {
		if e.PlanSHA256, err = Digest(m.Memory.Plan); err != nil {
			return nil, err
		}
	}
	if e.MeasurementsSHA256, err = Digest(m); err != nil {
		return nil, err
	}
	if claims == nil {
		return e, nil
	}
	if e.Claims, err = CanonicalOf(claims); err != nil {
		return nil, err
	}
	e.ClaimsSHA256 = sum(e.Claims)
	return e, nil
}

// aggregate sums the operations up.
func (e *Execution) aggregate() {
	cosines, sum := 0, 0.0
	for _, o := range e.Operations {
		e.TotalTimingMS += o.TimingMS
		e.TotalMemoryBytes = max(e.TotalMemoryBytes, o.MemoryBytes)
		if o.Cosine != nil {
			sum += float64(*o.Cosine)
			cosines++
		}
		if o.MSE != nil && (e.MaxMSE == nil || *o.MSE > *e.MaxMSE) {
			worst := *o.MSE
			e.MaxMSE = &worst
		}
		switch o.Status {
		case StatusOK:
			e.OK++
		case StatusWarn:
			e.Warn++
		case StatusFail:
			e.Fail++
		}
	}
	e.Total = len(e.Operations)
	e.TotalTimingMS = Float(math.Round(float64(e.TotalTimingMS)*1000) / 1000) // times are in microseconds
	if cosines > 0 {
		mean := Float(sum / float64(cosines))
		e.AvgCosine = &mean
	}
}

// commit returns the program's revision, "unknown" where it was built without one.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// Milliseconds returns d in milliseconds, to the microsecond.
func Milliseconds(d time.Duration) Float { return Float(d.Microseconds()) / 1000 }
