package ranges

import "testing"

// TestShown: no secret of an address is in what messages have of it, however it is written.
func TestShown(t *testing.T) {
	for address, want := range map[string]string{
		"https://host/m":               `"https://host/m"`,
		"https://user:secret@host/m":   `"https://…@host/m"`,
		"https://user:se/cret@host/m":  `"https://…@host/m"`,
		"https://user:se?cret@host/m":  `"https://…@host/m"`,
		"s3://KEY:SEC/RET@bucket/x":    `"s3://…@bucket/x"`,
		"https://host/m?sig=secret":    `"https://host/m?…"`,
		"https://host/m#secret":        `"https://host/m?…"`,
		"a/path?with#signs":            `"a/path?…"`,
		"https://host/m?sig=a@b":       `"https://…@b"`,
		"hf://user:secret@owner/name?": `"hf://…@owner/name?…"`,
	} {
		if got := Shown(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
