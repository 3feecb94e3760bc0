package main

import (
	"strconv"
	"strings"

	"github.com/helix-substrate/helix-substrate/cluster"
	"github.com/helix-substrate/helix-substrate/convert"
)

// brokerFlags say how a verb connects to a broker.
type brokerFlags struct {
	Credentials string `input:"file" name:"nats-creds" placeholder:"FILE" help:"A user's credentials for the broker: JWT and key."`
	NKey        string `input:"file" name:"nats-nkey" placeholder:"FILE" help:"The seed of a user's NKey."`
	CA          string `input:"file" name:"nats-ca" placeholder:"FILE" help:"Certificates that the broker's is signed by."`
	Cert        string `input:"file" name:"nats-cert" placeholder:"FILE" help:"This side's certificate."`
	Key         string `input:"file" name:"nats-key" placeholder:"FILE" help:"Its key."`
}

// connection is that to servers.
func (f *brokerFlags) connection(servers string) cluster.Connection {
	return cluster.Connection{Servers: servers, Credentials: f.Credentials, NKey: f.NKey, CA: f.CA, Cert: f.Cert, Key: f.Key}
}

// workersFlags say who makes the tensors of a conversion.
type workersFlags struct {
	Workers string `text:"" name:"workers" placeholder:"ADDR" help:"Have workers make the tensors, through the broker at nats://HOST[,…], or 'embedded': one in this process."`
	Listen  string `text:"" name:"listen" placeholder:"ADDR" help:"Where the embedded broker listens, HOST:PORT, 127.0.0.1:4222 if nothing is said; for other machines USER:PASSWORD@HOST:PORT."`
	Check   string `text:"" name:"check" placeholder:"SHARE" help:"Have this share of the tensors, such as 5%, made by two workers each: one that lies is named, and its work is done again."`
	brokerFlags
}

// checkSharing refuses flags that would do nothing.
func (c *convertCommand) checkSharing() error {
	switch {
	case c.Workers == "" && (c.Check != "" || c.Listen != "" || c.brokerFlags != brokerFlags{}):
		return usageError("--check, --listen and --nats-… are for --workers")
	case c.Workers != cluster.Embedded && c.Listen != "":
		return usageError("--listen is for --workers embedded")
	case c.StatisticsOnly && (c.Shard != "" || c.Workers != "" || c.wanted() || c.Report != ""):
		return usageError("--statistics-only measures and stops: it goes without --shard, --workers, --receipt and --report")
	}
	return nil
}

// share reads a share: 5% or 0.05.
func share(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, usageError("--check " + strconv.Quote(text) + ": not a share such as 5% or 0.05")
	}
	return v, nil
}

// byWorkers converts with workers.
func (f *workersFlags) byWorkers(env *environment, job convert.Job) (*convert.Report, error) {
	check, err := share(f.Check)
	if err != nil {
		return nil, err
	}
	return cluster.Convert(env.ctx, job, cluster.Options{Connection: f.connection(f.Workers), Listen: f.Listen, Check: check, Note: env.tell})
}
