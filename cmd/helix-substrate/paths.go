package main

import (
	"github.com/alecthomas/kong"

	"github.com/helix-substrate/helix-substrate/overwrite"
)

// checkOutputs refuses a command line by which a verb would destroy or change what it
// reads. It sees every verb's paths, by the tags of its fields: input:"KIND" and
// output:"KIND", of the kinds that package overwrite knows; text:"" is on strings that
// are no paths.
func checkOutputs(verb *kong.Node) error {
	if verb == nil {
		return nil
	}
	var inputs []overwrite.Input
	var outputs []overwrite.Output
	for _, v := range pathValues(verb) {
		for _, path := range v.paths() {
			if v.Tag.Has("input") {
				inputs = append(inputs, overwrite.Input{Flag: v.name, Path: path, Kind: overwrite.InputKind(v.Tag.Get("input"))})
			} else if v.Tag.Has("output") {
				outputs = append(outputs, overwrite.Output{Flag: v.name, Path: path, Kind: overwrite.OutputKind(v.Tag.Get("output"))})
			}
		}
	}
	if more, ok := verb.Target.Addr().Interface().(interface{ unnamedOutputs() []overwrite.Output }); ok {
		outputs = append(outputs, more.unnamedOutputs()...)
	}
	return overwrite.Check(inputs, outputs)
}

// pathValue is a flag or an argument and what a user calls it.
type pathValue struct {
	*kong.Value
	name string
}

// pathValues are the flags and arguments of a verb.
func pathValues(verb *kong.Node) []pathValue {
	var list []pathValue
	for _, v := range verb.Positional {
		name := v.Tag.PlaceHolder
		if name == "" {
			name = v.Name
		}
		list = append(list, pathValue{v, name})
	}
	for _, f := range verb.Flags {
		list = append(list, pathValue{f.Value, "--" + f.Name})
	}
	return list
}

// paths are the strings that a value has.
func (v *pathValue) paths() []string {
	switch value := v.Target.Interface().(type) {
	case string:
		return []string{value}
	case []string:
		return value
	}
	return nil
}
