package server

import (
	"bytes"
	"container/list"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// What is kept of responses, to go on from them.
const (
	storedBytes      = 4 << 20 // in all
	storedPerEntry   = 1 << 10 // beside texts: entries of a list and a map, and small strings
	storedPerMessage = 256     // likewise, with its calls
)

// responseStore keeps the last responses in memory, as many as so many bytes have room for: who was not asked for the longest time
// makes room. Texts that several share count each time. It is safe for concurrent use.
type responseStore struct {
	most int64

	mu    sync.Mutex
	bytes int64
	order *list.List // of *storedResponse, those asked for last in front
	byID  map[string]*list.Element
}

type storedResponse struct {
	id       string
	json     []byte
	messages []openai.Message // of the conversation with the response
	bytes    int64
}

func newResponseStore(most int64) responseStore {
	return responseStore{most: most, order: list.New(), byID: map[string]*list.Element{}}
}

// keep keeps a response with its conversation, neither of which may change any more; one that is larger than all the room is not kept.
func (s *responseStore) keep(r *openai.Response, messages []openai.Message) {
	var text bytes.Buffer
	if encode(&text, r) != nil {
		return
	}
	e := &storedResponse{r.ID, bytes.Clone(text.Bytes()), messages, storedPerEntry + int64(text.Len())}
	for _, m := range messages {
		e.bytes += storedPerMessage + int64(len(m.Content)+len(m.Reasoning))
		for _, c := range m.Calls {
			e.bytes += storedPerMessage + int64(len(c.ID)+len(c.Name)+len(c.Arguments))
		}
	}
	if e.bytes > s.most {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.bytes+e.bytes > s.most {
		s.drop(s.order.Back())
	}
	s.bytes += e.bytes
	s.byID[e.id] = s.order.PushFront(e)
}

func (s *responseStore) drop(at *list.Element) {
	e := s.order.Remove(at).(*storedResponse)
	delete(s.byID, e.id)
	s.bytes -= e.bytes
}

// find returns what is kept under an id; nil if nothing is.
func (s *responseStore) find(id string) *storedResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.byID[id]
	if at == nil {
		return nil
	}
	s.order.MoveToFront(at)
	return at.Value.(*storedResponse)
}

// messages returns the conversation with a response, which must not be changed.
func (s *responseStore) messages(id string) ([]openai.Message, bool) {
	if e := s.find(id); e != nil {
		return e.messages, true
	}
	return nil, false
}

// response returns a response as JSON, which must not be changed.
func (s *responseStore) response(id string) ([]byte, bool) {
	if e := s.find(id); e != nil {
		return e.json, true
	}
	return nil, false
}

// remove forgets a response, and tells whether there was one.
func (s *responseStore) remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.byID[id]
	if at != nil {
		s.drop(at)
	}
	return at != nil
}
