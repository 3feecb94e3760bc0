package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// Bounds of a connection, whatever it sends.
const (
	headerBytes = 16 << 10 // all connections' have room in serverMemory
	idleTime    = 2 * time.Minute
)

// Serve answers on a listener until ctx ends, which it returns no error for. Then no more is taken, and texts under way
// may go on for grace before they are cut off. It closes the listener, and returns when no request is being handled any more. After a cut
// the server's library opens no more models.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	handled := semaphore.NewWeighted(int64(s.options.Connections)) // a connection has a request at a time
	h := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !handled.TryAcquire(1) { // it has come after the end
				panic(http.ErrAbortHandler)
			}
			defer handled.Release(1)
			s.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: s.options.HeaderTime, MaxHeaderBytes: headerBytes, IdleTimeout: idleTime,
		BaseContext: func(net.Listener) context.Context { return running },
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(limit(l, s.options.Connections)) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patient, cancel := context.WithTimeout(running, grace)
	defer cancel()
	err := h.Shutdown(patient)
	if errors.Is(err, context.DeadlineExceeded) {
		end()           // the texts
		s.library.end() // a model that is being opened, which nobody waits for any more
		err = h.Close()
	}
	return errors.Join(err, handled.Acquire(context.WithoutCancel(ctx), int64(s.options.Connections)))
}
