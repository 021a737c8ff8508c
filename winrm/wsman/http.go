package wsman

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	soapType = "application/soap+xml;charset=UTF-8"
	// sealOverhead is room for the multipart framing and the signature around a sealed envelope.
	sealOverhead = 4 << 10
	// writeTimeout is how long a client may take to read an answer.
	writeTimeout = time.Minute
)

// exchange is one HTTP request with its answer.
type exchange struct {
	b        *boot
	w        http.ResponseWriter
	r        *http.Request
	sess     *session
	id       *identity
	req      *request
	sealed   bool
	protocol string // of the sealing: the answer names the same as the message
	info     MessageInfo
	fault    Fault
}

// ServeHTTP answers one message. It is the only place that reads requests and writes answers.
func (b *boot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sess := sessionOf(r.Context())
	if !b.host.server.begin() {
		b.abort(sess)
	}
	defer b.host.server.wg.Done()
	if sess.conn != nil {
		sess.conn.begin()
		defer sess.conn.end()
	}
	w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
	if strings.TrimSuffix(r.URL.Path, "/") != "/wsman" {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	// The body is read before the logon is looked at: a connection is of use for a handshake only once it is drained.
	limit := b.host.server.opts.Limits.MaxEnvelope
	buf, _ := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if n := r.ContentLength; n > 0 && n <= int64(limit+sealOverhead) {
		buf.Grow(int(n) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, int64(limit+sealOverhead)))
	body := buf.Bytes()
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		b.abort(sess)
	}
	x := &exchange{b: b, w: w, r: r, sess: sess, req: &request{}}
	if !x.logon(len(body)) {
		return
	}
	if tooLarge != nil || (!x.sealed && len(body) > limit) {
		x.answerFault(faultEncodingLimit(limit))
		return
	}
	x.serve(body)
}

// buffers are those of bodies that have been acted on. Nothing of a body is kept as it lies there.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// logon finds out who sends the message. It answers 401 and returns false when nobody known does.
func (x *exchange) logon(bodyLen int) bool {
	// A type that cannot be parsed is not one of a sealed message.
	mediaType, params, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	x.sealed = strings.EqualFold(mediaType, "multipart/encrypted")
	x.protocol = sealSPNEGO
	if strings.EqualFold(params["protocol"], sealKerberos) {
		x.protocol = sealKerberos
	}
	id, header, ok := x.authenticate(x.sealed, bodyLen)
	if header != "" {
		x.w.Header().Add("WWW-Authenticate", header)
	}
	if ok && x.sealed && x.sess.sealer == nil {
		ok = false
	}
	if ok {
		x.id = id
		return true
	}
	if header == "" {
		if !x.sealed && x.r.Header.Get("Authorization") == "" && strings.EqualFold(x.r.Header.Get("WSMANIDENTIFY"), "unauthenticated") {
			return true
		}
		x.unauthorized()
		return false
	}
	x.w.WriteHeader(http.StatusUnauthorized)
	return false
}

// unauthorized answers 401 with an empty body and names every scheme once.
func (x *exchange) unauthorized() {
	h := x.w.Header()
	h.Del("WWW-Authenticate")
	named := map[string]bool{}
	for _, a := range x.b.host.server.opts.Auth {
		for _, c := range a.challenges() {
			if !named[c] {
				named[c] = true
				h.Add("WWW-Authenticate", c)
			}
		}
	}
	h.Set("Content-Length", "0")
	x.w.WriteHeader(http.StatusUnauthorized)
}

// serve opens the envelope, asks the hooks and acts.
func (x *exchange) serve(body []byte) {
	if x.sealed {
		plain, err := unsealMessage(x.sess.sealer, body)
		if err != nil {
			// A message that was tampered with ends the security context, as it does on Windows.
			x.sess.drop()
			x.unauthorized()
			return
		}
		body = plain
	}
	if len(body) == 0 && x.id != nil {
		// Clients end a handshake with an empty message before they send the first sealed one.
		x.w.Header().Set("Content-Type", soapType)
		x.w.Header().Set("Content-Length", "0")
		x.w.WriteHeader(http.StatusOK)
		return
	}
	req, f := parseRequest(body)
	x.req = req
	if x.id == nil && (f != nil || req.action != ActionIdentify) {
		x.unauthorized()
		return
	}
	x.describe()
	if !x.ask() {
		return
	}
	if f == nil && x.b.host.server.opts.RefuseUnencrypted && !x.sealed && x.r.TLS == nil && req.action != ActionIdentify {
		f = FaultAccessDenied()
	}
	if f != nil {
		x.answerFault(f)
		return
	}
	x.act()
}

// describe fills in what the hooks are told.
func (x *exchange) describe() {
	h := x.b.host
	x.info = MessageInfo{
		Host: h.name, Addr: h.Addr(), Seq: h.messages.Add(1), Conn: x.sess.answer().conn, Sealed: x.sealed,
		Action: x.req.action, MessageID: x.req.messageID, ShellID: x.req.shellID, Timeout: x.req.timeout,
	}
	if x.id != nil {
		x.info.User, x.info.Scheme = x.id.user, x.id.scheme
	}
	body := x.req.body
	switch x.req.action {
	case ActionCommand:
		x.info.CommandID = body.Value("CommandId")
		x.info.CommandLine, _ = commandLine(body)
	case ActionSend:
		x.info.CommandID = body.Child(nsShell, "Stream").Value("CommandId")
	case ActionReceive:
		x.info.CommandID = body.Child(nsShell, "DesiredStream").Value("CommandId")
	case ActionSignal:
		x.info.CommandID = body.Value("CommandId")
	}
}

// ask calls the hooks and carries out a fault that hits the message unseen. It reports whether to go on.
func (x *exchange) ask() bool {
	o := &x.b.host.server.opts
	if o.OnMessage != nil {
		o.OnMessage(x.info)
	}
	if o.Faults != nil {
		x.fault = o.Faults(x.info)
	}
	if x.gone() {
		// A hook may take the host down: the message is then lost unseen.
		x.b.abort(x.sess)
	}
	if x.fault.Latency > 0 {
		t := time.NewTimer(x.fault.Latency)
		defer t.Stop()
		select {
		case <-t.C:
		case <-x.r.Context().Done():
			x.b.abort(x.sess)
		case <-x.b.ctx.Done():
			x.b.abort(x.sess)
		}
	}
	if x.fault.Kind == FaultNone || x.fault.After {
		return true
	}
	x.strike(nil)
	return false
}

// strike carries out a fault. The answer is what would have been said, nil when the message was not acted on.
func (x *exchange) strike(answer []byte) {
	switch x.fault.Kind {
	case FaultReset:
		x.b.abort(x.sess)
	case FaultStall:
		select {
		case <-x.r.Context().Done():
		case <-x.b.ctx.Done():
		}
		x.b.abort(x.sess)
	case FaultTruncate:
		if answer == nil {
			answer = answerFault(x.req, FaultGoingDown(), x.b.host.name)
		}
		x.truncate(answer)
	case FaultUnauthorized:
		x.sess.drop()
		x.unauthorized()
	case FaultReply:
		f := x.fault.Reply
		if f == nil {
			f = FaultGoingDown()
		}
		x.told(f)
		_ = x.write(f.status(), answerFault(x.req, f, x.b.host.name))
	case FaultRubbish:
		_ = x.write(http.StatusOK, []byte("<html><body>\x00 It works! <<& </html>"))
	default:
		panic("wsman: unknown kind of fault " + strconv.Itoa(int(x.fault.Kind)))
	}
}

// truncate sends the headers of the whole answer and half of its body.
func (x *exchange) truncate(answer []byte) {
	body, contentType := x.seal(answer)
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(http.StatusOK)
	// The connection is about to be cut; whether these bytes arrive does not matter.
	_, _ = x.w.Write(body[:len(body)/2])
	_ = http.NewResponseController(x.w).Flush()
	panic(http.ErrAbortHandler)
}

// answer sends what an action has to say, or hits it. It returns an error when the client cannot have it.
func (x *exchange) answer(body []byte) error {
	x.acted()
	if x.fault.Kind != FaultNone {
		x.strike(body)
		return errGone
	}
	return x.write(http.StatusOK, body)
}

func (x *exchange) answerFault(f *SOAPFault) {
	body := answerFault(x.req, f, x.b.host.name)
	if x.fault.Kind != FaultNone {
		x.strike(body)
		return
	}
	x.told(f)
	_ = x.write(f.status(), body)
}

// acted tells the hook of a good answer, unless a fault will take its place.
func (x *exchange) acted() {
	if x.fault.Kind != FaultReply {
		x.told(nil)
	}
}

func (x *exchange) told(f *SOAPFault) {
	if hook := x.b.host.server.opts.OnAnswer; hook != nil {
		hook(x.info, f)
	}
}

func (x *exchange) seal(body []byte) ([]byte, string) {
	if !x.sealed || x.sess.sealer == nil {
		return body, soapType
	}
	return sealMessage(x.sess.sealer, x.protocol, body), sealedType(x.protocol)
}

// write sends one whole answer. It returns an error when the client cannot have read it: it left before, it was reset,
// or it did not take the answer for too long. A client that leaves as soon as it has its answer is no error.
func (x *exchange) write(status int, body []byte) error {
	body, contentType := x.seal(body)
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	rc := http.NewResponseController(x.w)
	// Recorders of tests have no deadline; connections do.
	_ = rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	defer func() { _ = rc.SetWriteDeadline(time.Time{}) }()
	if x.sess.conn != nil {
		x.sess.conn.answering.Store(false)
		if x.sess.conn.broken.Load() {
			return errGone
		}
	}
	x.w.WriteHeader(status)
	if _, err := x.w.Write(body); err != nil {
		return err
	}
	if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if x.sess.conn != nil && x.sess.conn.isBroken() {
		return errGone
	}
	return nil
}

// abort ends the exchange and its connection without a word.
func (b *boot) abort(sess *session) {
	if sess.conn != nil {
		sess.conn.reset()
	}
	panic(http.ErrAbortHandler)
}

// lost is asked by commands about their last answer.
func (b *boot) lost(at answerID) bool {
	return b.ln != nil && at.number != 0 && b.ln.lost(at)
}

// within returns the time that the message may take: its own OperationTimeout, and never more than the host allows.
// It ends early when the client or the host goes.
func (x *exchange) within() (context.Context, context.CancelFunc) {
	d := x.b.host.server.opts.Limits.MaxTimeout
	if x.req.timeout > 0 {
		d = min(d, x.req.timeout)
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), d)
	stop := context.AfterFunc(x.b.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}
