package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/source"
)

// sourceReport is what inspect prints of a checkpoint as JSON.
type sourceReport struct {
	Path    string         `json:"path"`
	Files   []string       `json:"files"`
	Bytes   int64          `json:"bytes"`
	Weights int64          `json:"weights"`
	Tensors []sourceTensor `json:"tensors"`
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
	src, err := source.Open(env.ctx, c.Path, source.Options{Headers: true, Token: c.Token, File: c.File})
	if err != nil {
		return err
	}
	defer src.Close()
	r := sourceReport{Path: c.Path, Files: src.WeightFiles(), Bytes: src.Bytes()}
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
	return nil
}
