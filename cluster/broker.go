package cluster

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// ErrListen reports an address that the embedded broker cannot listen at.
var ErrListen = errors.New("cannot listen there")

// Broker is a NATS server in the process, with JetStream.
type Broker struct {
	server *server.Server
	url    string
}

// Embed starts a broker whose files are in dir. address is HOST:PORT, or USER:PASSWORD@HOST:PORT; other hosts
// than this one can only be let in with a password, for whoever connects can give work, and take it. The caller stops it. Errors: ErrListen.
func Embed(dir, address string) (*Broker, error) {
	u, err := url.Parse("nats://" + address)
	if err != nil {
		return nil, fmt.Errorf("an address of HOST:PORT, or USER:PASSWORD@HOST:PORT, is wanted: %w", ErrListen)
	}
	port, err := strconv.Atoi(u.Port())
	password, secret := u.User.Password()
	switch {
	case err != nil || port < 0 || port > 65535 || u.Hostname() == "":
		return nil, fmt.Errorf("%s: not HOST:PORT: %w", u.Host, ErrListen)
	case !secret && !ranges.Loopback(u.Hostname()):
		return nil, fmt.Errorf("%s: other machines need a password, USER:PASSWORD@%s: %w", u.Host, u.Host, ErrListen)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "helix-substrate", Host: u.Hostname(), Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true,
		Username: u.User.Username(), Password: password, MaxPayload: maxMessage + 1<<16,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", u.Host, err, ErrListen)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		s.Shutdown()
		return nil, fmt.Errorf("%s: %w", u.Host, ErrListen)
	}
	own := url.URL{Scheme: "nats", User: u.User, Host: s.Addr().String()}
	return &Broker{s, own.String()}, nil
}

// URL is the address for this machine's processes, with the password.
func (b *Broker) URL() string { return b.url }

// Stop ends the broker. What it keeps stays in its directory.
func (b *Broker) Stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}
