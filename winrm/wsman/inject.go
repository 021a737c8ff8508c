package wsman

import "time"

// MessageInfo describes a message to the hooks. It holds no secret but the command line, which is the client's.
type MessageInfo struct {
	Host        string
	Addr        string // of the host's listener
	Seq         uint64 // number of the message at this host, from 1
	Conn        uint64 // number of the connection at this host, from 1
	User        string // "" for an unauthenticated Identify
	Scheme      string
	Action      Action
	MessageID   string
	ShellID     string // "" for Identify and Create
	CommandID   string // of Send, Receive and Signal; of Command only when the client chose it
	CommandLine string // of Command
	Sealed      bool   // the message came encrypted by its logon
	Timeout     time.Duration
}

// FaultKind is what happens to a message on the wire.
type FaultKind int

// The kinds of fault.
const (
	FaultNone         FaultKind = iota
	FaultReset                  // the connection is reset
	FaultStall                  // nothing is ever answered; the connection stays open until the client or the host leaves
	FaultTruncate               // the answer breaks off: full headers, half the body, then a reset
	FaultUnauthorized           // 401 with an empty body, as if the logon had been forgotten
	FaultReply                  // the SOAP fault in Reply
	FaultRubbish                // 200 with a body that is no envelope
)

// Fault is what the Faults hook wants done to a message. The zero value is a message that passes.
type Fault struct {
	Latency time.Duration // the message is held for this long before anything else
	Kind    FaultKind
	After   bool       // the message is acted on and its answer is hit; otherwise it is hit unseen
	Reply   *SOAPFault // for FaultReply; nil means FaultGoingDown()
}
