package generate

import "slices"

// queue is jobs that wait for a place.
type queue struct {
	jobs []*job // the first to come first
	most int    // beside as many as there are free places
}

// add adds a job, if there is room beside so many that have a place to go to. Where there is none, the last job of the client
// that has the most gives way, unless the new one's has as many: it is returned, as is the new one where it is not added.
func (q *queue) add(j *job, free int) (refused *job) {
	q.jobs = append(q.jobs, j)
	if len(q.jobs) <= q.most+free {
		return nil
	}
	waiting := map[string]int{}
	for _, w := range q.jobs {
		waiting[w.request.Client]++
	}
	at := len(q.jobs) - 1
	for i := at - 1; i >= 0; i-- {
		if waiting[q.jobs[i].request.Client] > waiting[q.jobs[at].request.Client] {
			at = i
		}
	}
	refused = q.jobs[at]
	q.jobs = slices.Delete(q.jobs, at, at+1)
	return refused
}

// next returns the job that is to begin next: of the client with the fewest texts under way the first that came. It stays.
func (q *queue) next(underWay func(client string) int) *job {
	var best *job
	fewest := 0
	for _, j := range q.jobs {
		if n := underWay(j.request.Client); best == nil || n < fewest {
			best, fewest = j, n
		}
	}
	return best
}

// remove tells whether a job was there, which it is no more.
func (q *queue) remove(j *job) bool {
	i := slices.Index(q.jobs, j)
	if i >= 0 {
		q.jobs = slices.Delete(q.jobs, i, i+1)
	}
	return i >= 0
}
