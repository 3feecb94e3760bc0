package evaluate

import "testing"

// convertTo is converttest.To: package convert runs models to calibrate, and so imports this one; its
// tests reach it through the external ones.
var convertTo func(t testing.TB, source, output string, options ...string)

// SetConvert is for the external tests.
func SetConvert(f func(t testing.TB, source, output string, options ...string)) { convertTo = f }
