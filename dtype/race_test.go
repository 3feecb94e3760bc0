//go:build race

package dtype_test

const raceEnabled = true
