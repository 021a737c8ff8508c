package transport

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// sealer encrypts and signs the messages of one connection, in their order.
type sealer interface {
	seal(plain []byte) (signature, sealed []byte, err error)
	open(signature, sealed []byte) (plain []byte, err error)
}

// sendSealed exchanges one message on a connection that is logged in.
func sendSealed(ctx context.Context, c *conn, s sealer, protocol string, body []byte) (reply, bool, error) {
	signature, sealed, err := s.seal(body)
	if err != nil {
		return reply{}, false, err
	}
	r, sent, err := c.exchange(ctx, http.Header{"Content-Type": {sealedType(protocol)}}, frame(protocol, signature, sealed, len(body)))
	if err != nil {
		return r, sent, err
	}
	if !strings.HasPrefix(r.header.Get("Content-Type"), "multipart/encrypted") {
		// Nothing that came in the clear is believed, a fault least of all. What is left is the status.
		if r.status == http.StatusOK {
			return r, sent, protocolf("an answer that is not encrypted")
		}
		r.header.Del("Content-Type")
		r.body = nil
		return r, sent, nil
	}
	if r.body, err = unseal(s, r.body); err != nil {
		return r, sent, err
	}
	r.header.Set("Content-Type", soapType)
	return r, sent, nil
}

func unseal(s sealer, body []byte) ([]byte, error) {
	signature, sealed, length, err := unframe(body)
	if err != nil {
		return nil, err
	}
	plain, err := s.open(signature, sealed)
	if err != nil {
		return nil, protocolf("an encrypted answer: %v", err)
	}
	if len(plain) != length {
		return nil, protocolf("an encrypted answer of %d bytes that says %d", len(plain), length)
	}
	return plain, nil
}

// The frame of an encrypted message, [MS-WSMV] 2.2.9.1: a multipart body by name only, with tabs before its headers
// and no blank line after them.
const (
	sealSPNEGO   = "application/HTTP-SPNEGO-session-encrypted"
	sealKerberos = "application/HTTP-Kerberos-session-encrypted"
	sealBoundary = "--Encrypted Boundary"
)

func sealedType(protocol string) string {
	return `multipart/encrypted;protocol="` + protocol + `";boundary="Encrypted Boundary"`
}

// maxSignature bounds what stands in front of the sealed data; that of NTLM has 16 bytes, that of Kerberos 60 to 80.
const maxSignature = 256

// frame puts a signature and sealed data into the frame. length is that of the plain message.
func frame(protocol string, signature, sealed []byte, length int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=%s;Length=%d\r\n", sealBoundary, protocol, soapType, length)
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: application/octet-stream\r\n", sealBoundary)
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], uint32(len(signature))) //nolint:gosec // some dozen
	b.Write(n[:])
	b.Write(signature)
	b.Write(sealed)
	b.WriteString(sealBoundary + "--\r\n")
	return b.Bytes()
}

// unframe takes a frame apart. Its errors are *ProtocolErrors.
func unframe(body []byte) (signature, sealed []byte, length int, err error) {
	rest, length, err := frameHead(body)
	if err != nil {
		return nil, nil, 0, err
	}
	end := bytes.LastIndex(rest, []byte("Encrypted Boundary--"))
	if end < 0 {
		return nil, nil, 0, protocolf("an encrypted answer without an end")
	}
	// Some servers write "-- Encrypted Boundary--".
	rest = bytes.TrimSuffix(rest[:end], []byte(" "))
	rest, dashes := bytes.CutSuffix(rest, []byte("--"))
	if !dashes || len(rest) < 4 {
		return nil, nil, 0, protocolf("an encrypted answer without data")
	}
	n := binary.LittleEndian.Uint32(rest)
	rest = rest[4:]
	if n < 16 || n > maxSignature || len(rest) < int(n) {
		return nil, nil, 0, protocolf("a signature of %d bytes", n)
	}
	return rest[:n], rest[n:], length, nil
}

// frameHead reads the header lines up to the data and finds the length of the plain message in them.
func frameHead(body []byte) (rest []byte, length int, err error) {
	length = -1
	for lines := 0; lines < 10; lines++ {
		line, after, found := bytes.Cut(body, []byte("\r\n"))
		if !found {
			break
		}
		body = after
		line = bytes.TrimSpace(line)
		if i := bytes.LastIndex(line, []byte("Length=")); i >= 0 {
			n, err := strconv.Atoi(string(line[i+len("Length="):]))
			if err != nil || n < 0 {
				return nil, 0, protocolf("the length of an encrypted answer")
			}
			length = n
		}
		if bytes.Equal(line, []byte("Content-Type: application/octet-stream")) {
			if length < 0 {
				return nil, 0, protocolf("an encrypted answer without a length")
			}
			return body, length, nil
		}
	}
	return nil, 0, protocolf("not an encrypted answer")
}
