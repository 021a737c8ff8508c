package transport

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/etype"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Flags of a wrap token, RFC 4121, 4.2.2.
const (
	wrapByAcceptor     = 1
	wrapSealed         = 2
	wrapAcceptorSubkey = 4

	wrapHeader = 16 // bytes
)

// kerberosSealer wraps the messages of one connection as RFC 4121, 4.2.4, has it, in the form that SSPI and gss_wrap_iov
// give it without a trailer: rotated, so that all of the token but the sealed text stands in front of it.
type kerberosSealer struct {
	key              []byte
	e                etype.EType
	flag             byte   // wrapAcceptorSubkey where the key is the server's
	sendSeq, recvSeq uint64 // of the next message
	rotation         int    // bytes that stand in front: the sealed copy of the header, and the checksum
}

// newKerberosSealer returns nil for keys that are not AES: their tokens have another form.
func newKerberosSealer(key types.EncryptionKey, acceptors bool, sendSeq, recvSeq uint64) *kerberosSealer {
	e, ok := aesType(key.KeyType)
	if !ok || len(key.KeyValue) != e.GetKeyByteSize() {
		return nil
	}
	s := &kerberosSealer{key: key.KeyValue, e: e, sendSeq: sendSeq, recvSeq: recvSeq, rotation: wrapHeader + e.GetHMACBitLength()/8}
	if acceptors {
		s.flag = wrapAcceptorSubkey
	}
	return s
}

func aesType(id int32) (etype.EType, bool) {
	switch id {
	case etypeID.AES128_CTS_HMAC_SHA1_96, etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA256_128, etypeID.AES256_CTS_HMAC_SHA384_192:
		e, err := crypto.GetEtype(id)
		return e, err == nil
	}
	return nil, false
}

func wrapHead(flags byte, extra, rotation int, seq uint64) []byte {
	h := []byte{5, 4, flags, 0xff}
	h = binary.BigEndian.AppendUint16(h, uint16(extra))    //nolint:gosec // came from 16 bits
	h = binary.BigEndian.AppendUint16(h, uint16(rotation)) //nolint:gosec // some dozen, or from 16 bits
	return binary.BigEndian.AppendUint64(h, seq)
}

func (s *kerberosSealer) seal(plain []byte) (signature, sealed []byte, err error) {
	flags := wrapSealed | s.flag
	_, body, err := s.e.EncryptMessage(s.key, append(bytes.Clone(plain), wrapHead(flags, 0, 0, s.sendSeq)...), keyusage.GSSAPI_INITIATOR_SEAL)
	if err != nil {
		return nil, nil, err
	}
	signature = wrapHead(flags, 0, s.rotation, s.sendSeq)
	s.sendSeq++
	cut := len(body) - s.rotation
	rotated := append(bytes.Clone(body[cut:]), body[:cut]...)
	front := s.rotation + s.e.GetConfounderByteSize()
	return append(signature, rotated[:front]...), rotated[front:], nil
}

// open takes a token of the server apart: the next one of the sequence and no other.
func (s *kerberosSealer) open(signature, sealed []byte) ([]byte, error) {
	if len(signature) < wrapHeader {
		return nil, errors.New("a wrap token without a header")
	}
	flags := wrapByAcceptor | wrapSealed | s.flag
	head, rotated := signature[:wrapHeader], append(bytes.Clone(signature[wrapHeader:]), sealed...)
	extra, rotation := int(binary.BigEndian.Uint16(head[4:])), int(binary.BigEndian.Uint16(head[6:]))
	if !bytes.Equal(head, wrapHead(flags, extra, rotation, s.recvSeq)) {
		return nil, errors.New("a wrap token with other flags or out of sequence")
	}
	if len(rotated) < s.e.GetConfounderByteSize()+s.rotation+extra {
		return nil, errors.New("a wrap token that is too short")
	}
	// The rotation is over the token without the header, its extra bytes included (RFC 4121, 4.2.5).
	rotation %= len(rotated)
	body := append(bytes.Clone(rotated[rotation:]), rotated[:rotation]...)
	text, err := s.e.DecryptMessage(s.key, body, keyusage.GSSAPI_ACCEPTOR_SEAL)
	if err != nil {
		return nil, errors.New("a wrap token that cannot be opened")
	}
	end := len(text) - wrapHeader
	if end < extra || !bytes.Equal(text[end:], wrapHead(flags, extra, 0, s.recvSeq)) {
		return nil, errors.New("a wrap token whose header was changed")
	}
	s.recvSeq++
	return text[:end-extra], nil
}
