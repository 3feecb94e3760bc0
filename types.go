package helix

import (
	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Engine is an open model without its tokenizer. It and the next types are those of packages
// below this one, for those who run a model's parts themselves, with packages generate,
// evaluate and record, and import no others.
type Engine = transformer.Model

// EngineOptions say how an Engine is opened.
type EngineOptions = transformer.Options

// Plan says where an Engine's memory goes.
type Plan = transformer.Plan

// Session is a sequence under way through an Engine.
type Session = transformer.Session

// Tokenizer turns text into token ids and back.
type Tokenizer = tokenizer.Tokenizer

// VerifyPolicy says when blocks are compared with their hashes.
type VerifyPolicy = cdna.Policy

// Canon is the arithmetic of lattice matrices.
type Canon = stream.Canon

// VerifyOff is the policy of comparing no hashes.
const VerifyOff = cdna.Off

// Family is an architecture of models that run, in words for people.
type Family = arch.Family

// Families lists the architectures of models that run.
func Families() []Family { return arch.Families() }
