package wsman

// Reset resets the connections of a host, as a network that fails does. Shells and commands go on, new connections are
// accepted at once. It does not wait, so a command or a hook may call it.
func (h *Host) Reset() {
	h.mu.Lock()
	b := h.boot
	h.mu.Unlock()
	if b != nil && b.ln != nil {
		b.ln.resetAll()
	}
}
