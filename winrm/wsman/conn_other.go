//go:build !linux

package wsman

// wasReset is known on Linux only. Elsewhere a reset is noticed by the next read, which is nearly always soon enough.
func (c *conn) wasReset() bool {
	r, ok := c.Conn.(resetter)
	return ok && r.WasReset()
}
