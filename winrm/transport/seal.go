package transport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
)

// The frame of an encrypted message, [MS-WSMV] 2.2.9.1: a multipart body by name only, with tabs before its headers
// and no blank line after them.
const (
	sealProtocol = "application/HTTP-SPNEGO-session-encrypted"
	sealBoundary = "--Encrypted Boundary"
	sealedType   = `multipart/encrypted;protocol="` + sealProtocol + `";boundary="Encrypted Boundary"`
)

// frame puts a signature and sealed data into the frame. length is that of the plain message.
func frame(signature, sealed []byte, length int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=%s;Length=%d\r\n", sealBoundary, sealProtocol, soapType, length)
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: application/octet-stream\r\n", sealBoundary)
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], uint32(len(signature))) //nolint:gosec // 16
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
	if n != 16 || len(rest) < 16 {
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
