package wsman

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
)

// maxClockSkew is what Windows and MIT allow between a client and a server.
const maxClockSkew = 5 * time.Minute

// checksumGSS is the type of the authenticator's checksum of RFC 4121 4.1.1, which carries the channel binding.
const checksumGSS = 0x8003

type kerberosAuth struct{ keytab *keytab.Keytab }

// Kerberos accepts service tickets, raw or in SPNEGO, for the lifetime of a connection, proves the server to clients
// that ask for mutual authentication, and opens and seals multipart/encrypted messages with the key of the logon. The keytab holds the keys of all hosts; a host accepts a ticket only for
// a service of its own name: HTTP or WSMAN or HOST, with its full name, the first label of it, or its listen address.
func Kerberos(kt *keytab.Keytab) Auth { return kerberosAuth{kt} }

// KerberosKeytab is Kerberos with the keytab in a file.
func KerberosKeytab(path string) (Auth, error) {
	kt, err := keytab.Load(path)
	if err != nil {
		return nil, fmt.Errorf("wsman: keytab %s: %w", path, err)
	}
	return Kerberos(kt), nil
}

func (kerberosAuth) challenges() []string { return []string{"Negotiate", "Kerberos"} }

func (k kerberosAuth) accept(a *attempt) *verdict {
	var scheme string
	switch {
	case a.scheme == "negotiate" && !bytes.HasPrefix(a.token, ntlmSignature):
		scheme = "Negotiate"
	case a.scheme == "kerberos":
		scheme = "Kerberos"
	default:
		return nil
	}
	a.sess.drop()
	no := func(user, reason string) *verdict { return &verdict{scheme: "Kerberos", user: user, reason: reason} }
	req, mech, err := parseAPReq(a.token)
	if err != nil {
		return no("", err.Error())
	}
	if !a.host.servesPrincipal(req.Ticket.SName) {
		return no("", "the ticket is for "+req.Ticket.SName.PrincipalNameString()+", not for this host")
	}
	options := []func(*service.Settings){service.DecodePAC(false), service.MaxClockSkew(maxClockSkew)}
	if addr, err := types.GetHostAddress(a.r.RemoteAddr); err == nil {
		options = append(options, service.ClientAddress(addr))
	}
	ok, creds, err := service.VerifyAPREQ(req, service.NewSettings(k.keytab, options...))
	if err != nil || !ok {
		return no("", fmt.Sprintf("the ticket is not accepted: %v", err))
	}
	user := creds.UserName() + "@" + creds.Domain()
	if sum := req.Authenticator.Cksum; sum.CksumType == checksumGSS && len(sum.Checksum) >= 20 && !channelBound(sum.Checksum[4:20], a) {
		return no(user, "the channel binding does not match")
	}
	subkey := newSubkey(req)
	token, proven, err := answerAPReq(req, mech, subkey)
	if err != nil {
		return no(user, err.Error())
	}
	if !proven {
		subkey = types.EncryptionKey{}
	}
	v := &verdict{id: newIdentity(user, "Kerberos"), keep: true, sealer: newKerberosSealer(req, subkey)}
	if token != nil {
		v.header = scheme + " " + base64.StdEncoding.EncodeToString(token)
	}
	return v
}

// servesPrincipal reports whether a service name is one of this host's.
func (h *Host) servesPrincipal(name types.PrincipalName) bool {
	if len(name.NameString) < 2 {
		return false
	}
	switch strings.ToUpper(name.NameString[0]) {
	case "HTTP", "WSMAN", "HOST":
	default:
		return false
	}
	short, _, _ := strings.Cut(h.name, ".")
	ip, _, _ := net.SplitHostPort(h.Addr())
	for _, own := range []string{h.name, short, ip} {
		if strings.EqualFold(name.NameString[1], own) {
			return true
		}
	}
	return false
}

// parseAPReq finds the AP-REQ in a token. mech is the mechanism that SPNEGO chose, nil when the token was raw.
func parseAPReq(token []byte) (*messages.APReq, asn1.ObjectIdentifier, error) {
	if len(token) == 0 {
		return nil, nil, errors.New("no token")
	}
	var mech asn1.ObjectIdentifier
	raw := token
	var outer spnego.SPNEGOToken
	if outer.Unmarshal(token) == nil {
		if !outer.Init || len(outer.NegTokenInit.MechTypes) == 0 {
			return nil, nil, errors.New("the SPNEGO token is not an initial one")
		}
		mech = outer.NegTokenInit.MechTypes[0]
		if !mech.Equal(gssapi.OIDKRB5.OID()) && !mech.Equal(gssapi.OIDMSLegacyKRB5.OID()) {
			return nil, nil, fmt.Errorf("the mechanism %s is not Kerberos", mech)
		}
		raw = outer.NegTokenInit.MechTokenBytes
	}
	var inner spnego.KRB5Token
	if err := inner.Unmarshal(raw); err != nil {
		return nil, nil, errors.New("the token is no Kerberos token")
	}
	if !inner.IsAPReq() {
		return nil, nil, errors.New("the Kerberos token is no AP-REQ")
	}
	return &inner.APReq, mech, nil
}

// answerAPReq makes the token that completes a logon: the AP-REP if the client asked for it, in SPNEGO if it came so.
// proven tells whether there is an AP-REP, with the subkey in it.
func answerAPReq(req *messages.APReq, mech asn1.ObjectIdentifier, subkey types.EncryptionKey) (token []byte, proven bool, err error) {
	if types.IsFlagSet(&req.APOptions, flags.APOptionMutualRequired) {
		rep, err := marshalAPRep(req, subkey)
		if err != nil {
			return nil, false, err
		}
		oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
		if err != nil {
			return nil, false, err
		}
		// RFC 4121 4.1: the token id of an AP-REP is 02 00.
		token, proven = asn1tools.AddASNAppTag(append(append(oid, 2, 0), rep...), 0), true
	}
	if mech == nil {
		return token, proven, nil
	}
	resp := spnego.NegTokenResp{NegState: asn1.Enumerated(spnego.NegStateAcceptCompleted), SupportedMech: mech, ResponseToken: token}
	token, err = resp.Marshal()
	return token, proven, err
}

// marshalAPRep makes a KRB_AP_REP of RFC 4120 5.5.2, which gokrb5 can only read: the client's time under the session
// key of the ticket is the proof that this server could open the ticket.
func marshalAPRep(req *messages.APReq, subkey types.EncryptionKey) ([]byte, error) {
	part, err := asn1.Marshal(messages.EncAPRepPart{
		CTime: req.Authenticator.CTime, Cusec: req.Authenticator.Cusec,
		Subkey: subkey, SequenceNumber: req.Authenticator.SeqNumber,
	})
	if err != nil {
		return nil, err
	}
	enc, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(part, asnAppTag.EncAPRepPart), req.Ticket.DecryptedEncPart.Key, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		return nil, err
	}
	rep, err := asn1.Marshal(messages.APRep{PVNO: 5, MsgType: msgtype.KRB_AP_REP, EncPart: enc})
	if err != nil {
		return nil, err
	}
	return asn1tools.AddASNAppTag(rep, asnAppTag.APREP), nil
}
