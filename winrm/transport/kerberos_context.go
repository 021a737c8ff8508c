package transport

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"runtime"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	krbclient "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
)

// gssContext is the client's side of a security context of RFC 4121, from its first token on.
type gssContext struct {
	key  types.EncryptionKey // of the ticket
	auth types.Authenticator
}

// Token ids of RFC 4121, 4.1.
const (
	tokenAPReq = "\x01\x00"
	tokenAPRep = "\x02\x00"
)

// newGSSContext makes a context and its first token, which asks the server to prove itself.
func newGSSContext(krb *krbclient.Client, tkt ticket, bindings []byte) (*gssContext, []byte, error) {
	auth, err := authenticator(krb)
	if err != nil {
		return nil, nil, err
	}
	et, err := crypto.GetEtype(tkt.key.KeyType)
	if err != nil {
		return nil, nil, err
	}
	if err := auth.GenerateSeqNumberAndSubKey(tkt.key.KeyType, et.GetKeyByteSize()); err != nil {
		return nil, nil, err
	}
	auth.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: gssChecksum(bindings)}
	req, err := messages.NewAPReq(tkt.Ticket, tkt.key, auth)
	if err != nil {
		return nil, nil, err
	}
	types.SetFlag(&req.APOptions, flags.APOptionMutualRequired)
	raw, err := req.Marshal()
	if err != nil {
		return nil, nil, err
	}
	token, err := gssToken(tokenAPReq, raw)
	return &gssContext{key: tkt.key, auth: auth}, token, err
}

// authenticator makes one that bears a microsecond of its own: a server takes a second one of the same for a replay of the
// first, and refuses the login (RFC 4120, 3.2.3). The lock is held until the microsecond is over.
func authenticator(krb *krbclient.Client) (types.Authenticator, error) {
	stamps.Lock()
	defer stamps.Unlock()
	auth, err := types.NewAuthenticator(krb.Credentials.Domain(), krb.Credentials.CName())
	for made := time.Now().UnixMicro(); time.Now().UnixMicro() <= made; {
		runtime.Gosched()
	}
	return auth, err
}

// gssChecksum is the checksum of RFC 4121, 4.1.1: the hash of the channel bindings and the flags of the context.
func gssChecksum(bindings []byte) []byte {
	sum := make([]byte, 24)
	binary.LittleEndian.PutUint32(sum, 16)
	copy(sum[4:20], bindings)
	binary.LittleEndian.PutUint32(sum[20:], gssapi.ContextFlagMutual|gssapi.ContextFlagReplay|gssapi.ContextFlagSequence|
		gssapi.ContextFlagConf|gssapi.ContextFlagInteg)
	return sum
}

// bindingsHash is the MD5 of the gss_channel_bindings structure (RFC 4121, 4.1.1.2) with application data alone; nil
// where there is no TLS.
func bindingsHash(t *target) []byte {
	b := channelBindings(t)
	if b == nil {
		return nil
	}
	buf := binary.LittleEndian.AppendUint32(make([]byte, 16), uint32(len(b.ApplicationData))) //nolint:gosec // some dozen bytes
	sum := md5.Sum(append(buf, b.ApplicationData...))
	return sum[:]
}

// gssToken puts the frame of RFC 2743, 3.1, around a message.
func gssToken(id string, message []byte) ([]byte, error) {
	oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, err
	}
	return asn1tools.AddASNAppTag(append(append(oid, id...), message...), 0), nil
}

var errNoProof = errors.New("the server did not prove that it is the one that the ticket is for")

// complete checks the server's proof, an AP-REP raw or in SPNEGO, and gives the sealer of the context; nil where its key
// is of a kind that seals in another form.
func (g *gssContext) complete(token []byte) (*kerberosSealer, error) {
	var resp spnego.NegTokenResp
	if resp.Unmarshal(token) == nil && len(resp.ResponseToken) > 0 {
		token = resp.ResponseToken
	}
	raw, err := ungssToken(tokenAPRep, token)
	if err != nil {
		return nil, err
	}
	var rep messages.APRep
	if err := rep.Unmarshal(raw); err != nil {
		return nil, errNoProof
	}
	plain, err := crypto.DecryptEncPart(rep.EncPart, g.key, keyusage.AP_REP_ENCPART)
	if err != nil {
		return nil, errNoProof
	}
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain); err != nil {
		return nil, errNoProof
	}
	// Only who could open the ticket knows the time that was sealed with it.
	if part.CTime.Unix() != g.auth.CTime.Unix() || part.Cusec != g.auth.Cusec {
		return nil, errNoProof
	}
	key, acceptors := g.auth.SubKey, false
	if len(part.Subkey.KeyValue) > 0 {
		key, acceptors = part.Subkey, true
	}
	return newKerberosSealer(key, acceptors, uint64(g.auth.SeqNumber), uint64(part.SequenceNumber)), nil //nolint:gosec // 32 bits of either
}

// ungssToken takes the frame off.
func ungssToken(id string, token []byte) ([]byte, error) {
	var frame asn1.RawValue
	rest, err := asn1.Unmarshal(token, &frame)
	if err != nil || len(rest) > 0 || frame.Class != asn1.ClassApplication || frame.Tag != 0 {
		return nil, errNoProof
	}
	var oid asn1.ObjectIdentifier
	rest, err = asn1.Unmarshal(frame.Bytes, &oid)
	if err != nil || !oid.Equal(gssapi.OIDKRB5.OID()) || len(rest) < len(id) || string(rest[:len(id)]) != id {
		return nil, errNoProof
	}
	return rest[len(id):], nil
}

func kerberosHeader(token []byte) string {
	return "Kerberos " + base64.StdEncoding.EncodeToString(token)
}
