package grammar

import "fmt"

// items returns lists.
func (c *compiler) items(k *keywords, depth int) part {
	most, ok := c.upTo("maxItems", k.most, "minItems", k.least)
	if !ok {
		return nil
	}
	if k.prefix != nil {
		if string(k.items) != "false" && (!k.most.set || k.most.n > len(k.prefix)) || k.least.set && k.least.n != len(k.prefix) || k.most.set && k.most.n != len(k.prefix) {
			c.fail(fmt.Errorf("prefixItems of lists that may be longer or shorter: %w", ErrUnsupported))
			return nil
		}
		all := sequence(text("["), c.space())
		for i, s := range k.prefix {
			if i > 0 {
				all = append(all, c.comma()...)
			}
			all = sequence(all, c.schema(s, depth), c.space())
		}
		return sequence(all, text("]"))
	}
	item := c.value()
	switch string(k.items) {
	case "":
	case "false":
		most = 0
	default:
		item = c.schema(k.items, depth)
	}
	return c.list(item, k.least.n, most)
}
