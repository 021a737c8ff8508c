package wsman

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/md4" //nolint:staticcheck // NTLM is defined on MD4
)

// Negotiate flags of MS-NLMP 2.2.2.5 that matter to an acceptor of NTLMv2.
const (
	ntlmUnicode     = 1 << 0
	ntlmTarget      = 1 << 2
	ntlmSign        = 1 << 4
	ntlmSeal        = 1 << 5
	ntlmNTLM        = 1 << 9
	ntlmAnonymous   = 1 << 11
	ntlmAlwaysSign  = 1 << 15
	ntlmDomain      = 1 << 16
	ntlmExtended    = 1 << 19
	ntlmTargetInfo  = 1 << 23
	ntlmVersion     = 1 << 25
	ntlm128         = 1 << 29
	ntlmKeyExchange = 1 << 30
	ntlm56          = 1 << 31
)

// Kinds of AV_PAIR of MS-NLMP 2.2.2.1.
const (
	avEOL             = 0
	avNbComputer      = 1
	avNbDomain        = 2
	avDNSComputer     = 3
	avDNSDomain       = 4
	avFlags           = 6
	avTimestamp       = 7
	avChannelBindings = 10

	avFlagMIC = 2 // in avFlags: the message carries a MIC
)

var (
	ntlmSignature  = []byte("NTLMSSP\x00")
	errNTLMMessage = errors.New("malformed NTLM message")
)

// ntlmType returns the type of an NTLM message, 0 when it is none.
func ntlmType(b []byte) uint32 {
	if len(b) < 12 || !bytes.HasPrefix(b, ntlmSignature) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[8:])
}

// ntlmField reads the payload that the field descriptor at that offset points to.
func ntlmField(b []byte, at int) ([]byte, error) {
	if len(b) < at+8 {
		return nil, errNTLMMessage
	}
	n, off := uint64(binary.LittleEndian.Uint16(b[at:])), uint64(binary.LittleEndian.Uint32(b[at+4:]))
	if off+n > uint64(len(b)) {
		return nil, errNTLMMessage
	}
	return b[off : off+n], nil
}

// ntlmChallenge makes a CHALLENGE_MESSAGE for a client that offered these flags.
func ntlmChallenge(offered uint32, nonce [8]byte, host string, now time.Time) []byte {
	computer, domain, _ := strings.Cut(host, ".")
	nbDomain, _, _ := strings.Cut(domain, ".")
	if nbDomain == "" {
		nbDomain = computer
	}
	flags := uint32(ntlmUnicode | ntlmTarget | ntlmNTLM | ntlmDomain | ntlmExtended | ntlmTargetInfo | ntlmVersion)
	flags |= offered & (ntlmSign | ntlmSeal | ntlmAlwaysSign | ntlm128 | ntlm56 | ntlmKeyExchange)
	var info []byte
	av := func(kind uint16, value []byte) {
		info = binary.LittleEndian.AppendUint16(info, kind)
		info = binary.LittleEndian.AppendUint16(info, uint16(len(value)))
		info = append(info, value...)
	}
	av(avNbDomain, utf16LE(strings.ToUpper(nbDomain)))
	av(avNbComputer, utf16LE(strings.ToUpper(computer)))
	av(avDNSDomain, utf16LE(domain))
	av(avDNSComputer, utf16LE(host))
	// FILETIME counts 100 ns from 1601. A time in the challenge makes clients protect the handshake with a MIC.
	av(avTimestamp, binary.LittleEndian.AppendUint64(nil, uint64(now.UnixNano()/100+116444736000000000)))
	av(avEOL, nil)

	target := utf16LE(strings.ToUpper(nbDomain))
	const header = 56
	b := append([]byte(nil), ntlmSignature...)
	b = binary.LittleEndian.AppendUint32(b, 2)
	field := func(n, off int) {
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
		b = binary.LittleEndian.AppendUint32(b, uint32(off))
	}
	field(len(target), header)
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = append(b, nonce[:]...)
	b = append(b, make([]byte, 8)...)
	field(len(info), header+len(target))
	b = append(b, 6, 3, 0x80, 0x25, 0, 0, 0, 15) // 6.3.9600, NTLMSSP revision 15
	b = append(b, target...)
	return append(b, info...)
}

// ntlmAuthenticate is an AUTHENTICATE_MESSAGE.
type ntlmAuthenticate struct {
	raw          []byte
	flags        uint32
	domain, user string
	response     []byte // NtChallengeResponse
	sessionKey   []byte // EncryptedRandomSessionKey
	pairs        map[uint16][]byte
}

func parseNTLMAuthenticate(b []byte) (*ntlmAuthenticate, error) {
	if ntlmType(b) != 3 || len(b) < 64 {
		return nil, errNTLMMessage
	}
	m := &ntlmAuthenticate{raw: b, flags: binary.LittleEndian.Uint32(b[60:])}
	var fields [6][]byte // LM response, NT response, domain, user, workstation, session key
	for i := range fields {
		f, err := ntlmField(b, 12+8*i)
		if err != nil {
			return nil, err
		}
		fields[i] = f
	}
	m.response, m.sessionKey = fields[1], fields[5]
	m.domain, m.user = fromUTF16LE(fields[2]), fromUTF16LE(fields[3])
	// NTLMv2: 16 bytes of proof, then a blob whose pairs start at its 28th byte. A response of 24 bytes is NTLMv1.
	if len(m.response) < 16+28 {
		return nil, errors.New("the response is not NTLMv2")
	}
	m.pairs = map[uint16][]byte{}
	for rest := m.response[16+28:]; len(rest) >= 4; {
		kind, n := binary.LittleEndian.Uint16(rest), int(binary.LittleEndian.Uint16(rest[2:]))
		if kind == avEOL {
			break
		}
		if len(rest) < 4+n {
			return nil, errNTLMMessage
		}
		m.pairs[kind], rest = rest[4:4+n], rest[4+n:]
	}
	return m, nil
}

// hasMIC reports whether the message says that it carries a MIC.
func (m *ntlmAuthenticate) hasMIC() bool {
	f := m.pairs[avFlags]
	return len(f) == 4 && binary.LittleEndian.Uint32(f)&avFlagMIC != 0
}

// baseKey checks the proof and returns the session base key.
func (m *ntlmAuthenticate) baseKey(password string, nonce [8]byte) ([]byte, bool) {
	h := md4.New()
	h.Write(utf16LE(password))
	key := hmacMD5(h.Sum(nil), utf16LE(strings.ToUpper(m.user)+m.domain))
	proof := hmacMD5(key, nonce[:], m.response[16:])
	return hmacMD5(key, proof), hmac.Equal(proof, m.response[:16])
}

func hmacMD5(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func utf16LE(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func fromUTF16LE(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
