package command

import "ringcache/server/resp"

// Join writes the reply to a command that was cut into parts, from the parts' raw replies (which may be empty). Of several
// errors the first is the reply. For JoinKeys, order[i] is the index of the part that has the i-th key; each part has its keys
// in the order of the command.
func (c *Ctx) Join(row *Row, parts [][]byte, order []int) {
	c.Row = row
	for _, part := range parts {
		if resp.IsError(part) {
			c.Out.Raw(part)
			return
		}
	}
	start := len(c.Out.B)
	ok := true
	switch row.Join {
	case JoinSum:
		ok = c.joinSum(parts)
	case JoinOK:
		c.Out.OK()
	case JoinKeys:
		ok = c.joinKeys(parts, order)
	case JoinConcat:
		ok = c.joinConcat(parts)
	case JoinCustom:
		row.JoinFn(c, parts)
	default:
		ok = false
	}
	if !ok {
		c.Out.B = c.Out.B[:start]
		c.Out.Error(resp.ErrInternal)
	}
}

func (c *Ctx) joinSum(parts [][]byte) bool {
	var sum int64
	for _, part := range parts {
		n, ok := resp.ParseInt(part)
		if !ok {
			return false
		}
		sum += n
	}
	c.Out.Int(sum)
	return true
}

func (c *Ctx) joinConcat(parts [][]byte) bool {
	total := 0
	for _, part := range parts {
		n, _, ok := resp.ParseArray(part)
		if !ok {
			return false
		}
		total += n
	}
	c.Out.Array(total)
	for _, part := range parts {
		_, body, _ := resp.ParseArray(part)
		c.Out.Raw(body)
	}
	return true
}

func (c *Ctx) joinKeys(parts [][]byte, order []int) bool {
	rest := make([][]byte, len(parts))
	for i, part := range parts {
		_, body, ok := resp.ParseArray(part)
		if !ok {
			return false
		}
		rest[i] = body
	}
	c.Out.Array(len(order))
	for _, part := range order {
		n, ok, err := resp.ReplyLen(rest[part])
		if !ok || err != nil {
			return false
		}
		c.Out.Raw(rest[part][:n])
		rest[part] = rest[part][n:]
	}
	return true
}
