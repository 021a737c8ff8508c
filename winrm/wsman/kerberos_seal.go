package wsman

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/etype"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Flags of a wrap token of RFC 4121 4.2.2.
const (
	wrapSentByAcceptor = 1
	wrapSealed         = 2
	wrapAcceptorSubkey = 4

	wrapHeader = 16
)

// kerberosSealer wraps messages as RFC 4121 4.2.4 does, in the form that gss_wrap_iov and SSPI give it without a
// trailer: the token is rotated, so that all of it but the sealed text itself stands in front, as the "signature".
type kerberosSealer struct {
	key      types.EncryptionKey
	e        etype.EType
	flag     byte   // wrapAcceptorSubkey when the key is ours
	sendSeq  uint64 // both directions start with the number of the authenticator
	recvSeq  uint64
	rotation int // bytes that the rotation brings to the front: the sealed copy of the header and the checksum
}

// newKerberosSealer takes the key of a context: the acceptor's subkey when one was sent, else the client's, else that
// of the ticket. It returns nil for keys that are not AES, whose tokens are of another form.
func newKerberosSealer(req *messages.APReq, subkey types.EncryptionKey) sealer {
	s := &kerberosSealer{key: subkey, flag: wrapAcceptorSubkey, sendSeq: uint64(req.Authenticator.SeqNumber), recvSeq: uint64(req.Authenticator.SeqNumber)}
	if len(s.key.KeyValue) == 0 {
		s.key, s.flag = req.Authenticator.SubKey, 0
	}
	if len(s.key.KeyValue) == 0 {
		s.key = req.Ticket.DecryptedEncPart.Key
	}
	e, err := aesType(s.key.KeyType)
	if err != nil {
		return nil
	}
	s.e = e
	s.rotation = wrapHeader + e.GetHMACBitLength()/8
	return s
}

func aesType(id int32) (etype.EType, error) {
	switch id {
	case etypeID.AES128_CTS_HMAC_SHA1_96, etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA256_128, etypeID.AES256_CTS_HMAC_SHA384_192:
		return crypto.GetEtype(id)
	}
	return nil, errors.New("not an AES key")
}

// newSubkey makes a key of the same type as the ticket's, as Windows does for each context. It is empty for types
// that cannot seal.
func newSubkey(req *messages.APReq) types.EncryptionKey {
	id := req.Ticket.DecryptedEncPart.Key.KeyType
	e, err := aesType(id)
	if err != nil {
		return types.EncryptionKey{}
	}
	key := make([]byte, e.GetKeyByteSize())
	// crypto/rand never fails: it stops the program instead.
	_, _ = rand.Read(key)
	return types.EncryptionKey{KeyType: id, KeyValue: key}
}

func (s *kerberosSealer) header(flags byte, extra, rotation int, seq uint64) []byte {
	h := []byte{5, 4, flags, 0xff}
	h = binary.BigEndian.AppendUint16(h, uint16(extra))
	h = binary.BigEndian.AppendUint16(h, uint16(rotation))
	return binary.BigEndian.AppendUint64(h, seq)
}

func (s *kerberosSealer) seal(plain []byte) (signature, sealed []byte) {
	flags := wrapSentByAcceptor | wrapSealed | s.flag
	text := append(bytes.Clone(plain), s.header(flags, 0, 0, s.sendSeq)...)
	// The key was made or checked for this type, which is the only way to fail.
	_, body, err := s.e.EncryptMessage(s.key.KeyValue, text, keyusage.GSSAPI_ACCEPTOR_SEAL)
	if err != nil {
		panic("wsman: sealing with a key of the wrong size: " + err.Error())
	}
	signature = s.header(flags, 0, s.rotation, s.sendSeq)
	s.sendSeq++
	cut := len(body) - s.rotation
	rotated := append(bytes.Clone(body[cut:]), body[:cut]...)
	front := s.rotation + s.e.GetConfounderByteSize()
	return append(signature, rotated[:front]...), rotated[front:]
}

func (s *kerberosSealer) unseal(signature, sealed []byte) ([]byte, error) {
	if len(signature) < wrapHeader {
		return nil, errors.New("wrap token without a header")
	}
	h := signature[:wrapHeader]
	rotated := append(bytes.Clone(signature[wrapHeader:]), sealed...)
	extra, rotation := int(binary.BigEndian.Uint16(h[4:])), int(binary.BigEndian.Uint16(h[6:]))
	if want := s.header(wrapSealed|s.flag, extra, rotation, s.recvSeq); !bytes.Equal(h, want) {
		return nil, errors.New("wrap token with other flags or out of sequence")
	}
	if len(rotated) < s.e.GetConfounderByteSize()+s.rotation+extra {
		return nil, errors.New("wrap token too short")
	}
	rotation %= len(rotated)
	body := append(bytes.Clone(rotated[rotation:]), rotated[:rotation]...)
	text, err := s.e.DecryptMessage(s.key.KeyValue, body, keyusage.GSSAPI_INITIATOR_SEAL)
	if err != nil {
		return nil, errors.New("the wrap token cannot be opened")
	}
	end := len(text) - wrapHeader
	if end < extra || !bytes.Equal(text[end:], s.header(wrapSealed|s.flag, extra, 0, s.recvSeq)) {
		return nil, errors.New("the header of the wrap token was changed")
	}
	s.recvSeq++
	return text[:end-extra], nil
}
