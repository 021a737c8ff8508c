package wsman

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/md5"
	"crypto/x509"
	"encoding/binary"

	// The hashes that certificates are signed with, for crypto.Hash.New.
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// channelBound checks the hash of a channel binding that a client sent with its logon against the certificates of
// this server, as tls-server-end-point of RFC 5929. A client that sent none, or sent zeros, passes: Windows is as
// lenient by default (CbtHardeningLevel Relaxed).
func channelBound(sent []byte, a *attempt) bool {
	cfg := a.host.server.opts.TLS
	if a.r.TLS == nil || cfg == nil || len(bytes.Trim(sent, "\x00")) == 0 {
		return true
	}
	for _, c := range cfg.Certificates {
		if len(c.Certificate) == 0 {
			continue
		}
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err == nil && hmac.Equal(channelBindingHash(leaf), sent) {
			return true
		}
	}
	// With certificates that are picked at run time there is nothing to compare with.
	return len(cfg.Certificates) == 0
}

// channelBindingHash is the MD5 of the gss_channel_bindings structure of RFC 2744 with only application data in it.
func channelBindingHash(cert *x509.Certificate) []byte {
	hash := crypto.SHA256
	switch cert.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		hash = crypto.SHA512
	}
	h := hash.New()
	h.Write(cert.Raw)
	data := append([]byte("tls-server-end-point:"), h.Sum(nil)...)
	b := make([]byte, 16, 20+len(data))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	sum := md5.Sum(append(b, data...))
	return sum[:]
}
