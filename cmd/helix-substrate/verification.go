package main

import (
	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/record"
)

// verifyFlag says which hashes are compared.
type verifyFlag struct {
	Verify string `name:"verify" enum:"always,sampled,trust-cached,off" default:"trust-cached" help:"When blocks are checked against their SHA-256: always, sampled (about 10 %), trust-cached (on first use), or off. A model's other files are checked when they are read, unless it is off."`
}

// policy returns the policy, and says so if it is that nothing is checked.
func (f *verifyFlag) policy(env *environment) helix.VerifyPolicy {
	if f.Verify == string(helix.VerifyOff) {
		env.note("--verify off: " + record.NoteUnverified)
	}
	return helix.VerifyPolicy(f.Verify)
}

// fingerprintOf tells which model was loaded, from where that was found.
func (f *verifyFlag) fingerprintOf(env *environment, l *loaded) (*record.Model, error) {
	at, err := l.opening.Location(env.ctx)
	if err != nil {
		return nil, err
	}
	return record.FingerprintAt(env.ctx, at, helix.VerifyPolicy(f.Verify))
}
