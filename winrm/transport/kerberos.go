package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	krbclient "github.com/jcmturner/gokrb5/v8/client"
	krbconfig "github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// KerberosConfig is an account of a Kerberos realm.
type KerberosConfig struct {
	Credential *Credential // "user", "user@REALM" or "REALM\user"
	Realm      string      // where the user's name has none; the default realm of Krb5Conf where both are empty
	Krb5Conf   string      // the text of a krb5.conf
	Service    string      // the service part of the SPN; "HTTP"
}

// kerberos holds the tickets of one account for all servers: one AS exchange for a run, one TGS exchange for a
// server. Its library keeps sessions too, but renews them in the background by sending the password again, which
// could not be counted; so that the tickets are kept here.
type kerberos struct {
	cred    *Credential
	name    string
	realm   string
	service string
	conf    *krbconfig.Config

	busy chan struct{} // the right to talk to the KDC

	mu      sync.Mutex
	krb     *krbclient.Client
	tgt     ticket
	tickets map[string]ticket // by SPN
}

type ticket struct {
	messages.Ticket
	key types.EncryptionKey
	end time.Time
}

// fresh reports that the ticket outlives the next few messages.
func (t ticket) fresh() bool { return time.Until(t.end) > 2*time.Minute }

// Kerberos logs in with tickets, and demands that the server proves to be the one that the ticket is for. Without TLS each
// connection is logged in once and every message on it encrypted (the server's AllowUnencrypted can stay false); that
// takes a ticket with an AES key, and one with an older key is refused there (but for loopback and Config.Insecure). With
// TLS each message carries a login, bound to the TLS connection. The KDC is asked over TCP only: a datagram that got lost
// would be sent again, and a wrong password would count twice.
func Kerberos(cfg KerberosConfig) (Auth, error) {
	if cfg.Credential == nil {
		return nil, errors.New("kerberos: no account is given")
	}
	conf, err := krbconfig.NewFromString(cfg.Krb5Conf)
	var unsupported krbconfig.UnsupportedDirective
	if err != nil && !errors.As(err, &unsupported) {
		return nil, fmt.Errorf("kerberos: krb5.conf: %w", err)
	}
	conf.LibDefaults.UDPPreferenceLimit = 1
	k := &kerberos{cred: cfg.Credential, realm: cfg.Realm, service: cfg.Service, conf: conf,
		busy: make(chan struct{}, 1), tickets: make(map[string]ticket)}
	k.name = cfg.Credential.user
	if domain, user := splitUser(k.name); domain != "" {
		k.name, k.realm = user, domain
	} else if user, domain, ok := strings.Cut(k.name, "@"); ok {
		k.name, k.realm = user, domain
	}
	if k.realm == "" {
		k.realm = conf.LibDefaults.DefaultRealm
	}
	k.realm = strings.ToUpper(k.realm)
	if k.service == "" {
		k.service = "HTTP"
	}
	if k.realm == "" {
		return nil, errors.New("kerberos: no realm is given")
	}
	return k, nil
}

func (*kerberos) scheme() string             { return "Kerberos" }
func (k *kerberos) user() string             { return k.cred.user }
func (*kerberos) private() bool              { return true }
func (k *kerberos) begin(t *target) connAuth { return &kerberosConn{kerberos: k, t: t} }

// Format keeps tickets and keys out of every verb.
func (k *kerberos) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "kerberos login of %s", k.cred.user) }

type kerberosConn struct {
	*kerberos
	t    *target
	seal sealer // nil where each message carries a login
}

// login makes the security context of a connection without TLS, before anything but tokens has been sent on it.
func (k *kerberosConn) login(ctx context.Context, c *conn) error {
	if k.t.tls != nil {
		return nil
	}
	krb, tkt, err := k.ticketFor(ctx, k.t)
	if err != nil {
		return err
	}
	if _, ok := aesType(tkt.key.KeyType); !ok {
		if k.t.plain {
			return nil
		}
		return fmt.Errorf("kerberos: messages cannot be encrypted with the ticket for %s, whose key is not AES: %w", k.spn(k.t), ErrPlainText)
	}
	g, token, err := newGSSContext(krb, tkt, nil)
	if err != nil {
		return fmt.Errorf("kerberos: %w", err)
	}
	r, _, err := c.exchange(ctx, http.Header{"Content-Type": {soapType}, "Authorization": {kerberosHeader(token)}}, nil)
	switch {
	case err != nil:
		return err
	case r.status == http.StatusUnauthorized:
		return k.notAccepted(r)
	case r.last:
		return protocolf("the server does not keep the connection that was logged in")
	}
	s, err := g.complete(proofOf(r))
	if err != nil {
		return k.refuse(k.t.host, err.Error(), nil)
	}
	if s == nil {
		return protocolf("the server's key cannot encrypt messages (not AES)")
	}
	k.seal = s
	return nil
}

// proofOf is the token by which a server completes a login.
func proofOf(r reply) []byte {
	if token := challenge(r.header, "Kerberos"); token != nil {
		return token
	}
	return challenge(r.header, "Negotiate")
}

func (k *kerberosConn) notAccepted(r reply) error {
	return k.refuse(k.t.host, "the server does not accept the ticket for "+k.spn(k.t)+
		" (wrong SPN, clocks apart, or missing right)", offered(r.header))
}

// send encrypts the message where the connection is logged in. Else it puts a new login on it; the ticket behind that is
// the cached one.
func (k *kerberosConn) send(ctx context.Context, c *conn, body []byte) (reply, bool, error) {
	if k.seal != nil {
		return sendSealed(ctx, c, k.seal, sealKerberos, body)
	}
	krb, tkt, err := k.ticketFor(ctx, k.t)
	if err != nil {
		return reply{}, false, err
	}
	g, token, err := newGSSContext(krb, tkt, bindingsHash(k.t))
	if err != nil {
		return reply{}, false, fmt.Errorf("kerberos: %w", err)
	}
	r, sent, err := c.exchange(ctx, http.Header{"Content-Type": {soapType}, "Authorization": {kerberosHeader(token)}}, body)
	switch {
	case err != nil:
		return r, sent, err
	case r.status == http.StatusUnauthorized:
		return r, sent, k.notAccepted(r)
	}
	// Over TLS the certificate is a proof already, and an answer without another one is believed. One that is wrong is not.
	if proof := proofOf(r); proof != nil || k.t.tls == nil {
		if _, err := g.complete(proof); err != nil {
			return r, sent, protocolf("%v", err)
		}
	}
	return r, sent, nil
}

func (k *kerberos) spn(t *target) string { return k.service + "/" + t.name }

func (k *kerberos) refuse(host, reason string, offered []string) error {
	return &AuthError{Host: host, User: k.cred.user, Scheme: "Kerberos", Reason: reason, Offered: offered}
}

// stamps keeps two authenticators from bearing the same microsecond.
var stamps sync.Mutex

// ticketFor is the ticket of a server, from the cache or from the KDC.
func (k *kerberos) ticketFor(ctx context.Context, t *target) (*krbclient.Client, ticket, error) {
	spn := k.spn(t)
	k.mu.Lock()
	tkt, krb := k.tickets[spn], k.krb
	k.mu.Unlock()
	if krb == nil || !tkt.fresh() {
		return k.fetch(ctx, t, spn)
	}
	return krb, tkt, nil
}

// fetch asks the KDC for a ticket, after logging in where there is no ticket-granting ticket. The library's
// network calls know no context, so that they run beside it; one that is abandoned still fills the cache.
func (k *kerberos) fetch(ctx context.Context, t *target, spn string) (*krbclient.Client, ticket, error) {
	select {
	case k.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, ticket{}, context.Cause(ctx)
	}
	type fetched struct {
		krb *krbclient.Client
		tkt ticket
		err error
	}
	got := make(chan fetched, 1)
	go func() {
		defer func() { <-k.busy }()
		krb, tkt, err := k.ask(t, spn)
		got <- fetched{krb, tkt, err}
	}()
	select {
	case f := <-got:
		return f.krb, f.tkt, f.err
	case <-ctx.Done():
		return nil, ticket{}, context.Cause(ctx)
	}
}

// ask runs under busy.
func (k *kerberos) ask(t *target, spn string) (*krbclient.Client, ticket, error) {
	k.mu.Lock()
	krb, tgt, tkt := k.krb, k.tgt, k.tickets[spn]
	k.mu.Unlock()
	if krb != nil && tkt.fresh() {
		return krb, tkt, nil // another message has just fetched it
	}
	if krb == nil || !tgt.fresh() {
		var err error
		if krb, tgt, err = k.asExchange(t); err != nil {
			return nil, ticket{}, err
		}
		k.mu.Lock()
		k.krb, k.tgt = krb, tgt
		k.mu.Unlock()
	}
	name := types.NewPrincipalName(nametype.KRB_NT_SRV_INST, spn)
	_, rep, err := krb.TGSREQGenerateAndExchange(name, k.realm, tgt.Ticket, tgt.key, false)
	if err != nil {
		return nil, ticket{}, k.explain(t.host, err, "ticket for "+spn)
	}
	tkt = ticket{rep.Ticket, rep.DecryptedEncPart.Key, rep.DecryptedEncPart.EndTime}
	k.mu.Lock()
	k.tickets[spn] = tkt
	k.mu.Unlock()
	return krb, tkt, nil
}

// asExchange sends the password's proof once. Each login takes a new client of the library, because a used one
// sends its guess of the key type first and would send the proof again when that is refused.
func (k *kerberos) asExchange(t *target) (krb *krbclient.Client, tgt ticket, err error) {
	err = k.cred.attempt(context.Background(), func() (verdict, error) {
		krb = krbclient.NewWithPassword(k.name, k.realm, k.cred.secret(), k.conf, krbclient.DisablePAFXFAST(true))
		if ok, err := krb.IsConfigured(); !ok {
			return noVerdict, fmt.Errorf("kerberos: %w", err)
		}
		req, err := messages.NewASReqForTGT(k.realm, k.conf, krb.Credentials.CName())
		if err != nil {
			return noVerdict, fmt.Errorf("kerberos: %w", err)
		}
		rep, err := krb.ASExchange(k.realm, req, 0)
		if err != nil {
			err := k.explain(t.host, err, "login")
			if isAuth(err) {
				return rejected, err
			}
			return noVerdict, err
		}
		tgt = ticket{rep.Ticket, rep.DecryptedEncPart.Key, rep.DecryptedEncPart.EndTime}
		return accepted, nil
	})
	return krb, tgt, err
}

// What a KDC says, in plain words. Those marked final are refusals of the account.
var kdcReasons = []struct {
	code  int32
	text  string
	final bool
}{
	{errorcode.KDC_ERR_PREAUTH_FAILED, "wrong password", true},
	{errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN, "the realm has no such user", true},
	{errorcode.KDC_ERR_CLIENT_REVOKED, "the account is locked or disabled", true},
	{errorcode.KDC_ERR_KEY_EXPIRED, "the password has expired", true},
	{errorcode.KDC_ERR_POLICY, "the realm's policy forbids it", true},
	{errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN, "the realm has no such service principal name (setspn)", false},
	{errorcode.KRB_AP_ERR_SKEW, "the clock here and the domain controller's are too far apart", false},
	{errorcode.KDC_ERR_ETYPE_NOSUPP, "no encryption type in common with the domain controller", false},
}

// explain turns an error of the library into an *AuthError where the account was refused. The library has put the
// KDC's error into text.
func (k *kerberos) explain(host string, err error, what string) error {
	text := err.Error()
	for _, r := range kdcReasons {
		if !strings.Contains(text, errorcode.Lookup(r.code)) {
			continue
		}
		if r.final {
			return k.refuse(host, r.text, nil)
		}
		return fmt.Errorf("kerberos %s: %s", what, r.text)
	}
	if strings.Contains(text, "password/keytab incorrect") {
		return k.refuse(host, "wrong password", nil)
	}
	return fmt.Errorf("kerberos %s: %s", what, oneLine(text, 300))
}
