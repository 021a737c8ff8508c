package wsman

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// sealer encrypts and signs the messages of one connection, in their order.
type sealer interface {
	seal(plain []byte) (signature, sealed []byte)
	unseal(signature, sealed []byte) ([]byte, error)
}

const (
	sealBoundary = "Encrypted Boundary"
	sealSPNEGO   = "application/HTTP-SPNEGO-session-encrypted"
	sealKerberos = "application/HTTP-Kerberos-session-encrypted"
)

func sealedType(protocol string) string {
	return `multipart/encrypted;protocol="` + protocol + `";boundary="` + sealBoundary + `"`
}

// sealMessage makes the two-part body of MS-WSMV 2.2.9.1: the length of the plain text, then the length of the
// signature, the signature and the sealed text. The parts are not MIME: headers start with a tab and no blank line
// follows them.
func sealMessage(s sealer, protocol string, plain []byte) []byte {
	signature, sealed := s.seal(plain)
	var b bytes.Buffer
	b.WriteString("--" + sealBoundary + "\r\n\tContent-Type: " + protocol + "\r\n\tOriginalContent: type=" + soapType +
		";Length=" + strconv.Itoa(len(plain)) + "\r\n--" + sealBoundary + "\r\n\tContent-Type: application/octet-stream\r\n")
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], uint32(len(signature)))
	b.Write(n[:])
	b.Write(signature)
	b.Write(sealed)
	b.WriteString("--" + sealBoundary + "--\r\n")
	return b.Bytes()
}

// unsealMessage opens the body of a multipart/encrypted request. The boundary is searched from the ends only, because
// the sealed bytes may hold anything.
func unsealMessage(s sealer, body []byte) ([]byte, error) {
	if s == nil {
		return nil, errors.New("no security context")
	}
	declared, payload, err := splitSealed(body)
	if err != nil {
		return nil, err
	}
	if len(payload) < 4 {
		return nil, errors.New("sealed part without a signature")
	}
	n := binary.LittleEndian.Uint32(payload)
	rest := payload[4:]
	if n > 1024 || int(n) > len(rest) {
		return nil, fmt.Errorf("signature of %d bytes", n)
	}
	plain, err := s.unseal(rest[:n], rest[n:])
	if err != nil {
		return nil, err
	}
	if len(plain) != declared {
		return nil, fmt.Errorf("%d bytes declared, %d found", declared, len(plain))
	}
	return plain, nil
}

// splitSealed returns the declared length of the plain text and the content of the second part.
func splitSealed(body []byte) (declared int, payload []byte, err error) {
	dash := []byte("--" + sealBoundary)
	first, rest, ok := bytes.Cut(body, []byte("application/octet-stream"))
	if !ok {
		return 0, nil, errors.New("no sealed part")
	}
	_, after, ok := bytes.Cut(first, []byte("Length="))
	if !ok {
		return 0, nil, errors.New("no length of the original content")
	}
	digits := len(after) - len(bytes.TrimLeft(after, "0123456789"))
	if declared, err = strconv.Atoi(string(after[:digits])); err != nil {
		return 0, nil, errors.New("the length of the original content is no number")
	}
	payload, ok = bytes.CutPrefix(rest, []byte("\r\n"))
	if !ok {
		return 0, nil, errors.New("the header of the sealed part does not end")
	}
	end := bytes.LastIndex(payload, dash)
	if end < 0 {
		return 0, nil, errors.New("the sealed part does not end")
	}
	return declared, payload[:end], nil
}
