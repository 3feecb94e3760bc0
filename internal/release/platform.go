package main

import (
	"fmt"
	"slices"
)

// platform is a system and a processor that packages are made for.
type platform struct {
	os, arch string
	// wheel are the tags of PEP 425 for which the program runs: it is static, so that of Linux
	// both C libraries do; macOS is the oldest that Go supports.
	wheel []string
}

var all = []platform{
	{"linux", "amd64", []string{"manylinux2014_x86_64", "manylinux_2_17_x86_64", "musllinux_1_1_x86_64"}},
	{"linux", "arm64", []string{"manylinux2014_aarch64", "manylinux_2_17_aarch64", "musllinux_1_1_aarch64"}},
	{"darwin", "amd64", []string{"macosx_12_0_x86_64"}},
	{"darwin", "arm64", []string{"macosx_12_0_arm64"}},
	{"windows", "amd64", []string{"win_amd64"}},
	{"windows", "arm64", []string{"win_arm64"}},
}

// find returns the platform of a name such as linux/amd64.
func find(name string) (platform, error) {
	i := slices.IndexFunc(all, func(p platform) bool { return p.String() == name })
	if i < 0 {
		return platform{}, fmt.Errorf("%q is none of the platforms %v", name, all)
	}
	return all[i], nil
}

func (p platform) String() string { return p.os + "/" + p.arch }

// program is the name of the program's file.
func (p platform) program() string {
	if p.os == "windows" {
		return "helix-substrate.exe"
	}
	return "helix-substrate"
}
