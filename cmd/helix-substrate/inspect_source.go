package main

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/source"
)

// sourceReport is what inspect prints of a checkpoint as JSON.
type sourceReport struct {
	Path string `json:"path"`
	// Quantization says how the weights are stored; Refused, if it is not empty, why they
	// are not read: then Tensors are what is stored.
	Quantization string         `json:"quantization,omitempty"`
	Refused      string         `json:"refused,omitempty"`
	Files        []string       `json:"files"`
	Bytes        int64          `json:"bytes"`
	Weights      int64          `json:"weights"`
	Tensors      []sourceTensor `json:"tensors"`
}

type sourceTensor struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
	Bytes int64  `json:"bytes"`
	File  string `json:"file"`
}

// source describes a checkpoint by its headers alone.
func (c *inspectCommand) source(env *environment) error {
	o := source.Options{Headers: true, Token: c.Token, File: c.File}
	src, err := source.Open(env.ctx, c.Path, o)
	refused := ""
	if errors.Is(err, checkpoint.ErrQuantization) || errors.Is(err, checkpoint.ErrScale) {
		refused, o.Stored = err.Error(), true
		src, err = source.Open(env.ctx, c.Path, o)
	}
	if err != nil {
		return err
	}
	defer src.Close()
	r := sourceReport{Path: c.Path, Quantization: src.Quantization(), Refused: refused, Files: src.WeightFiles(), Bytes: src.Bytes()}
	rows := [][]string{}
	for _, t := range src.Tensors() {
		r.Weights += int64(t.Len())
		r.Tensors = append(r.Tensors, sourceTensor{t.Name, t.DType, append([]int{}, t.Shape...), t.Size, t.File})
		rows = append(rows, []string{t.Name, t.DType, shape(t.Shape...), size(t.Size), t.File})
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	writeTable(env.stdout, []string{"tensor", "dtype", "shape", "size", "file"}, rows)
	fmt.Fprintf(env.stdout, "\n%s: %d tensors in %d files, %d weights, %s\n", c.Path, len(rows), len(r.Files), r.Weights, size(r.Bytes))
	if r.Quantization != "" {
		fmt.Fprintf(env.stdout, "quantized: %s; listed and read as the weights that it stands for\n", r.Quantization)
	}
	if r.Refused != "" {
		fmt.Fprintf(env.stdout, "not read, listed as it is stored: %s\n", r.Refused)
	}
	return nil
}
