//go:build !race

package cdna

const raceEnabled = false
