package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// maxHead bounds the status line and the headers of an answer, in bytes.
const maxHead = 64 << 10

// lastWords is how long a server's reason is waited for after a Write has failed.
const lastWords = 100 * time.Millisecond

var (
	errTooLarge     = errors.New("the answer is larger than is accepted")
	errUnasked      = errors.New("the server sent something that was not asked for")
	errNoAnswer     = errors.New("the server closed the connection without an answer")
	errStalled      = errors.New("the server did not answer in time")
	errNoConnection = errors.New("no connection in time")
	maxAuthBlob     = 48 << 10 // bytes of a token in WWW-Authenticate
	soapType        = "application/soap+xml;charset=UTF-8"
	userAgent       = "lrun"
	authenticate    = "Www-Authenticate"
)

// conn is one HTTP/1.1 connection. net/http's client is not used, for three reasons: a security context belongs to
// one connection, whether a request went out whole decides between NotBegun and InDoubt, and a request that is in
// doubt must not be sent again by a library.
//
// One goroutine reads for as long as the connection lives, so that a connection closed by the server while it was
// idle is known before the next request is written to it.
type conn struct {
	nc   net.Conn
	host string // Host header
	auth connAuth

	limit   *limitReader
	br      *bufio.Reader
	busy    atomic.Bool // an answer is awaited
	answers chan reply  // holds one
	gone    chan struct{}
	why     error // set before gone is closed
	once    sync.Once

	idleSince time.Time
}

type reply struct {
	status int
	header http.Header
	body   []byte
	last   bool // the server closes after it
}

// limitReader fails with errTooLarge after left bytes. It belongs to the reading goroutine.
type limitReader struct {
	r    io.Reader
	left int
}

func (l *limitReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLarge
	}
	if len(p) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

func newConn(nc net.Conn, host string, maxBody int) *conn {
	c := &conn{
		nc: nc, host: host,
		limit:   &limitReader{r: nc},
		answers: make(chan reply, 1),
		gone:    make(chan struct{}),
	}
	c.br = bufio.NewReader(c.limit)
	go c.read(maxBody)
	return c
}

func (c *conn) read(maxBody int) {
	for {
		c.limit.left = maxHead + maxBody
		if _, err := c.br.Peek(1); err != nil {
			c.fail(err)
			return
		}
		if !c.busy.Load() {
			c.fail(errUnasked)
			return
		}
		r, err := readReply(c.br, maxBody)
		if err != nil {
			c.fail(err)
			return
		}
		if r.status < 200 {
			continue
		}
		c.busy.Store(false)
		c.answers <- r
		if r.last {
			c.fail(errNoAnswer)
			return
		}
	}
}

func readReply(br *bufio.Reader, maxBody int) (reply, error) {
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := readBody(resp, maxBody)
	if err != nil {
		return reply{}, err
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: body, last: resp.Close}, nil
}

// readBody reads the whole body, into as much memory as its length says where that is told.
func readBody(resp *http.Response, maxBody int) ([]byte, error) {
	if n := resp.ContentLength; n >= 0 && n <= int64(maxBody) {
		body := make([]byte, n)
		_, err := io.ReadFull(resp.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(maxBody)+1))
	if err == nil && len(body) > maxBody {
		err = errTooLarge
	}
	return body, err
}

func (c *conn) fail(err error) {
	c.once.Do(func() {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errNoAnswer
		}
		c.why = err
		c.nc.Close()
		close(c.gone)
	})
}

func (c *conn) close() { c.fail(ErrClosed) }

func (c *conn) alive() bool {
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

// exchange posts body and waits for the answer. sent tells whether the request went out whole; a request that did
// not cannot have been acted on. After an error the connection is closed.
func (c *conn) exchange(ctx context.Context, header http.Header, body []byte) (r reply, sent bool, err error) {
	defer func() {
		if err != nil {
			c.close()
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
		}
	}()
	if err := ctx.Err(); err != nil {
		return reply{}, false, err
	}
	stop := context.AfterFunc(ctx, func() { c.fail(context.Cause(ctx)) })
	defer func() {
		// Where the context ended at the last moment its function is running now, and would close the connection
		// under the next message.
		if !stop() {
			c.close()
		}
	}()

	c.busy.Store(true)
	if err := c.writeRequest(header, body); err != nil {
		return reply{}, false, c.reason(err)
	}
	select {
	case r = <-c.answers:
		return r, true, nil
	case <-c.gone:
	}
	// The answer may have come just before the end of the connection.
	select {
	case r = <-c.answers:
		return r, true, nil
	default:
		return reply{}, true, c.why
	}
}

// reason is why a Write failed. The reader knows better where the server has said something before it closed, such
// as that it refuses our certificate.
func (c *conn) reason(err error) error {
	_ = c.nc.SetReadDeadline(time.Now().Add(lastWords))
	<-c.gone
	if errors.Is(c.why, os.ErrDeadlineExceeded) || errors.Is(c.why, errNoAnswer) {
		return err
	}
	return c.why
}

// writeRequest puts a request together and writes it at once.
func (c *conn) writeRequest(header http.Header, body []byte) error {
	b, _ := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	b.Grow(1024 + len(body))
	b.WriteString("POST /wsman HTTP/1.1\r\nHost: ")
	b.WriteString(c.host)
	b.WriteString("\r\nUser-Agent: " + userAgent + "\r\nContent-Length: ")
	b.Write(strconv.AppendInt(b.AvailableBuffer(), int64(len(body)), 10))
	b.WriteString("\r\n")
	for name, values := range header {
		for _, v := range values {
			b.WriteString(name)
			b.WriteString(": ")
			b.WriteString(v)
			b.WriteString("\r\n")
		}
	}
	b.WriteString("\r\n")
	b.Write(body)
	_, err := c.nc.Write(b.Bytes())
	return err
}
