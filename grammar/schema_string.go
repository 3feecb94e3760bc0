package grammar

import (
	"encoding/json"
	"fmt"
	"strings"
)

// formats are those that a pattern says.
var formats = map[string]string{
	"date":      `^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`,
	"time":      `^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`,
	"date-time": `^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`,
	"uuid":      `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`,
}

// strings returns strings.
func (c *compiler) strings(k *keywords) part {
	pattern := k.pattern
	if k.format != nil {
		known, ok := formats[*k.format]
		if !ok || pattern != nil {
			c.fail(fmt.Errorf("format %.40q: %w", *k.format, ErrUnsupported))
			return nil
		}
		pattern = &known
	}
	length := k.shortest.set || k.longest.set
	switch {
	case pattern != nil && length:
		c.fail(fmt.Errorf("a pattern or format beside a length: %w", ErrUnsupported))
		return nil
	case pattern != nil:
		return sequence(text(`"`), c.pattern(*pattern), text(`"`))
	case !length:
		return c.str()
	}
	most, ok := c.upTo("maxLength", k.longest, "minLength", k.shortest)
	if !ok {
		return nil
	}
	return sequence(text(`"`), c.repeat(c.char(), k.shortest.n, most), text(`"`))
}

func quoted(s string) string {
	var to strings.Builder
	e := json.NewEncoder(&to)
	e.SetEscapeHTML(false)
	e.Encode(s) // of a string, which cannot fail
	return strings.TrimSuffix(to.String(), "\n")
}
