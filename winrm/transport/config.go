package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Config is one server and how to reach it. The zero value of a field takes the default named beside it.
type Config struct {
	Host string // host name or address to connect to
	Port int    // 5986 with TLS, else 5985
	Auth Auth   // required; one Auth may be shared by many servers

	TLS        bool
	CA         []byte // PEM of the authorities to trust; the system's where empty
	ServerName string // the name in the certificate and in the Kerberos ticket; Host

	// Insecure lets Basic, and Kerberos with a ticket that cannot encrypt, travel over plain HTTP to another host. It
	// never skips the check of a certificate.
	Insecure bool

	MaxCommands int // commands under way at once, others wait; 2
	MaxOutput   int // bytes of stdout and stderr together of one command; 4 MiB
	MaxAnswer   int // bytes of the body of one answer; 2 MiB

	OperationTimeout time.Duration // how long the server may hold a Receive, whole seconds up to 60; 20 s
	AnswerMargin     time.Duration // what is granted beyond OperationTimeout before an answer counts as lost; 10 s
	DialTimeout      time.Duration // to connect, TLS included; 10 s
	ShellIdle        time.Duration // after which the server drops an unused shell; 180 s
	ConnIdle         time.Duration // after which an unused connection is not trusted with a command; 45 s
	CleanupTimeout   time.Duration // for a good-bye after the caller's context has ended; 3 s

	// Dial replaces the network, for tests and for addresses that are found in another way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	num := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	if c.TLS {
		num(&c.Port, 5986)
	}
	num(&c.Port, 5985)
	if c.ServerName == "" {
		c.ServerName = c.Host
	}
	num(&c.MaxCommands, 2)
	num(&c.MaxOutput, 4<<20)
	num(&c.MaxAnswer, 2<<20)
	def(&c.OperationTimeout, 20*time.Second)
	def(&c.AnswerMargin, 10*time.Second)
	def(&c.DialTimeout, 10*time.Second)
	def(&c.ShellIdle, 180*time.Second)
	def(&c.ConnIdle, 45*time.Second)
	def(&c.CleanupTimeout, 3*time.Second)
	if c.Dial == nil {
		c.Dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	return c
}

// check refuses what cannot work or is not safe, before anything is sent.
func (c *Config) check() error {
	switch {
	case c.Host == "":
		return errors.New("no host is given")
	case c.Auth == nil:
		return errors.New("no login is given")
	case c.Port < 1 || c.Port > 65535:
		return fmt.Errorf("port %d does not exist", c.Port)
	case c.OperationTimeout < time.Second || c.OperationTimeout > time.Minute:
		return fmt.Errorf("operation timeout %s is outside of 1 s to 60 s", c.OperationTimeout)
	case c.MaxCommands < 1:
		return fmt.Errorf("%d commands at once", c.MaxCommands)
	}
	if _, ok := c.Auth.(*certificate); ok && !c.TLS {
		return errors.New("a client certificate needs TLS")
	}
	if !c.TLS && !c.Auth.private() && !c.Insecure && !isLoopback(c.Host) {
		return ErrPlainText
	}
	return nil
}

// isLoopback takes the word of an address, and of no name but localhost: what a name resolves to can change.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (c *Config) tlsConfig() (*tls.Config, error) {
	if !c.TLS {
		return nil, nil
	}
	t := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if len(c.CA) > 0 {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(c.CA) {
			return nil, errors.New("the CA file holds no certificate in PEM form")
		}
	}
	if a, ok := c.Auth.(*certificate); ok {
		t.Certificates = []tls.Certificate{a.pair}
		// Windows asks for the certificate in a second handshake, once the path of the request is known.
		t.Renegotiation = tls.RenegotiateOnceAsClient
	}
	return t, nil
}

func (c *Config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

func (c *Config) url() string {
	scheme := "http"
	if c.TLS {
		scheme = "https"
	}
	return scheme + "://" + c.address() + "/wsman"
}
