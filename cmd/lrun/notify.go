package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/smtp"
	"os/exec"
	"strings"
	"time"

	"github.com/lrun/lrun/pool"
)

// notifier sends the texts of `notify` by every channel of the pool file. An error tells what could not be sent and
// never shows the address of the webhook, whose path is often the only secret that guards it.
type notifier struct {
	to   pool.Notify
	pool string
	now  func() time.Time
}

// newNotifier is nil where the pool file names no channel.
func newNotifier(p *pool.Pool) *notifier {
	if p.Notify.Webhook == "" && p.Notify.Mail == nil && len(p.Notify.Command) == 0 {
		return nil
	}
	return &notifier{to: p.Notify, pool: p.Name, now: time.Now}
}

// sendLimit bounds one channel where the step's own bound is longer.
const sendLimit = 20 * time.Second

// Notify sends by all channels at once, so that one that hangs does not keep the others from being heard.
func (n *notifier) Notify(ctx context.Context, text string) error {
	var ways []func(context.Context, string) error
	if n.to.Webhook != "" {
		ways = append(ways, n.post)
	}
	if n.to.Mail != nil {
		ways = append(ways, n.mail)
	}
	if len(n.to.Command) > 0 {
		ways = append(ways, n.command)
	}
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	errs := make(chan error, len(ways))
	for _, send := range ways {
		go func() { errs <- send(ctx, text) }()
	}
	var all []error
	for range ways {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// post sends {"text": …}, which the chat systems in use understand.
func (n *notifier) post(ctx context.Context, text string) error {
	body, err := json.Marshal(map[string]string{"text": text, "pool": n.pool})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.to.Webhook, bytes.NewReader(body))
	if err != nil {
		return errors.New("webhook: its address cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", withoutURL(err))
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
	if res.StatusCode >= 300 {
		return fmt.Errorf("webhook: it answers %d", res.StatusCode)
	}
	return nil
}

// withoutURL takes the address out of an error of net/http, which would show it.
func withoutURL(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time")
	case errors.As(err, &op):
		return op.Err
	}
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return errors.New("it cannot be reached")
}

// mail hands a letter to the mail server of the house, without a login.
func (n *notifier) mail(ctx context.Context, text string) error {
	m := n.to.Mail
	addr := m.Server
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(strings.Trim(addr, "[]"), "25")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if err := n.dialogue(conn, addr, text); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

func (n *notifier) dialogue(conn net.Conn, addr, text string) error {
	m := n.to.Mail
	host, _, _ := net.SplitHostPort(addr)
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if err := c.Mail(m.From); err != nil {
		return err
	}
	for _, to := range m.To {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(n.letter(text)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // the letter is accepted
	return nil
}

// letter is the message with its headers.
func (n *notifier) letter(text string) []byte {
	m := n.to.Mail
	subject := []rune("lrun: " + oneLine(text))
	if len(subject) > 120 {
		subject = append(subject[:119], '…')
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\n", m.From, strings.Join(m.To, ">, <"),
		mime.QEncoding.Encode("utf-8", string(subject)), n.now().Format(time.RFC1123Z))
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, "\r\n") + "\r\n")
	}
	return b.Bytes()
}

// command runs a program with the text as its input. Its environment holds no secret of lrun's.
func (n *notifier) command(ctx context.Context, text string) error {
	cmd := exec.CommandContext(ctx, n.to.Command[0], n.to.Command[1:]...)
	cmd.Env = withoutSecrets(cmd.Environ())
	cmd.Stdin = strings.NewReader(text)
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.New("it did not end in time")
		}
		return fmt.Errorf("command %s: %w", n.to.Command[0], err)
	}
	return nil
}
