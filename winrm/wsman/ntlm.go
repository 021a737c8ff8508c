package wsman

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// ntlmHandshake is what a connection remembers between the challenge and the answer to it.
type ntlmHandshake struct {
	negotiate []byte
	challenge []byte
	nonce     [8]byte
}

type ntlmAuth struct{ accounts Accounts }

// NTLM accepts NTLMv2 under the Negotiate and NTLM schemes, for the lifetime of a connection, and opens and seals
// multipart/encrypted messages with the key of the logon. A MIC and a channel binding are checked when they are sent.
// NTLMv1 and anonymous logons are refused.
func NTLM(accounts Accounts) Auth { return ntlmAuth{accounts} }

func (ntlmAuth) challenges() []string { return []string{"Negotiate"} }

func (n ntlmAuth) accept(a *attempt) *verdict {
	if (a.scheme != "negotiate" && a.scheme != "ntlm") || !bytes.HasPrefix(a.token, ntlmSignature) {
		return nil
	}
	scheme := "Negotiate"
	if a.scheme == "ntlm" {
		scheme = "NTLM"
	}
	switch ntlmType(a.token) {
	case 1:
		return n.begin(a, scheme)
	case 3:
		hs := a.sess.ntlm
		a.sess.ntlm = nil
		if hs == nil {
			// Clients that mix up their connections do this. No password was checked, so it is no failed logon.
			return &verdict{}
		}
		return n.finish(a, hs)
	}
	return &verdict{scheme: "NTLM", reason: errNTLMMessage.Error()}
}

// begin answers a NEGOTIATE_MESSAGE with a challenge and forgets any logon the connection had.
func (n ntlmAuth) begin(a *attempt, scheme string) *verdict {
	a.sess.drop()
	if len(a.token) < 16 {
		return &verdict{scheme: "NTLM", reason: errNTLMMessage.Error()}
	}
	hs := &ntlmHandshake{negotiate: a.token}
	// crypto/rand never fails: it stops the program instead.
	_, _ = rand.Read(hs.nonce[:])
	hs.challenge = ntlmChallenge(binary.LittleEndian.Uint32(a.token[12:]), hs.nonce, a.host.name, time.Now())
	a.sess.ntlm = hs
	return &verdict{header: scheme + " " + base64.StdEncoding.EncodeToString(hs.challenge)}
}

func (n ntlmAuth) finish(a *attempt, hs *ntlmHandshake) *verdict {
	m, err := parseNTLMAuthenticate(a.token)
	if err != nil {
		return &verdict{scheme: "NTLM", reason: err.Error()}
	}
	name := m.user
	if m.domain != "" {
		name = m.domain + `\` + m.user
	}
	no := func(reason string) *verdict { return &verdict{scheme: "NTLM", user: name, reason: reason} }
	if m.user == "" || m.flags&ntlmAnonymous != 0 {
		return no("anonymous logon")
	}
	domain, user := m.domain, m.user
	if domain == "" && strings.Contains(user, "@") {
		domain, user = splitAccount(user)
	}
	password, known := n.accounts.Lookup(domain, user)
	base, proven := m.baseKey(password, hs.nonce)
	if !known || !proven {
		return no(reasonPassword)
	}
	key, err := m.exportedKey(base)
	if err != nil {
		return no(err.Error())
	}
	if m.hasMIC() && !m.checkMIC(key, hs) {
		return no("the MIC of the handshake does not match")
	}
	if !channelBound(m.pairs[avChannelBindings], a) {
		return no("the channel binding does not match")
	}
	v := &verdict{id: newIdentity(name, "NTLM"), keep: true}
	if m.flags&ntlmExtended != 0 && m.flags&ntlmSeal != 0 {
		v.sealer = newNTLMSealer(m.flags, key)
	}
	return v
}

// exportedKey is the key of the session: the base key, or the one that the client sent under it.
func (m *ntlmAuthenticate) exportedKey(base []byte) ([]byte, error) {
	if m.flags&ntlmKeyExchange == 0 || m.flags&(ntlmSign|ntlmSeal) == 0 && len(m.sessionKey) == 0 {
		return base, nil
	}
	if len(m.sessionKey) != 16 {
		return nil, errors.New("a session key of the wrong length")
	}
	c, err := rc4.NewCipher(base)
	if err != nil {
		return nil, err
	}
	key := make([]byte, 16)
	c.XORKeyStream(key, m.sessionKey)
	return key, nil
}

func (m *ntlmAuthenticate) checkMIC(key []byte, hs *ntlmHandshake) bool {
	const from, to = 72, 88
	if len(m.raw) < to {
		return false
	}
	zeroed := bytes.Clone(m.raw)
	clear(zeroed[from:to])
	return hmac.Equal(hmacMD5(key, hs.negotiate, hs.challenge, zeroed), m.raw[from:to])
}

// ntlmSealer is the session security of MS-NLMP 3.4 with extended session security.
type ntlmSealer struct {
	in, out ntlmDirection
}

type ntlmDirection struct {
	signKey []byte
	cipher  *rc4.Cipher
	seq     uint32
	keyExch bool
}

func newNTLMSealer(flags uint32, key []byte) *ntlmSealer {
	direction := func(way string) ntlmDirection {
		derive := func(key []byte, use string) []byte {
			sum := md5.Sum(append(bytes.Clone(key), "session key to "+way+" "+use+" key magic constant\x00"...))
			return sum[:]
		}
		weak := key
		switch {
		case flags&ntlm128 != 0:
		case flags&ntlm56 != 0:
			weak = key[:7]
		default:
			weak = key[:5]
		}
		// A key of 16 bytes is always a valid RC4 key.
		c, _ := rc4.NewCipher(derive(weak, "sealing"))
		return ntlmDirection{signKey: derive(key, "signing"), cipher: c, keyExch: flags&ntlmKeyExchange != 0}
	}
	return &ntlmSealer{in: direction("client-to-server"), out: direction("server-to-client")}
}

func (d *ntlmDirection) signature(plain []byte) []byte {
	var seq [4]byte
	binary.LittleEndian.PutUint32(seq[:], d.seq)
	d.seq++
	sum := hmacMD5(d.signKey, seq[:], plain)[:8]
	if d.keyExch {
		d.cipher.XORKeyStream(sum, sum)
	}
	return append(append([]byte{1, 0, 0, 0}, sum...), seq[:]...)
}

func (s *ntlmSealer) seal(plain []byte) (signature, sealed []byte) {
	sealed = make([]byte, len(plain))
	s.out.cipher.XORKeyStream(sealed, plain)
	return s.out.signature(plain), sealed
}

func (s *ntlmSealer) unseal(signature, sealed []byte) ([]byte, error) {
	plain := make([]byte, len(sealed))
	s.in.cipher.XORKeyStream(plain, sealed)
	if !hmac.Equal(s.in.signature(plain), signature) {
		return nil, errors.New("the signature does not match")
	}
	return plain, nil
}
