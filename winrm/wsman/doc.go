// Package wsman serves the Windows Remote Shell (WinRS) over WS-Management, as a WinRM service does, for servers that
// exist only as a model. Any client that speaks WinRS can drive them: our own, masterzen/winrm, pywinrm, Ansible.
//
// It knows the protocol and nothing of what the servers are: a command line goes to a [Handler], which acts it out.
// It imports neither the language nor the simulator; `lrun serve` and the tests of the client side import it.
//
//	srv := wsman.NewServer(wsman.Options{Auth: []wsman.Auth{wsman.Basic(wsman.StaticAccounts{"admin": "secret"})}})
//	defer srv.Close()
//	fe01, err := srv.Listen("127.0.0.2:15985", "fe01.contoso.com", wsman.HandlerFunc(
//		func(ctx context.Context, c *wsman.Command) int {
//			fmt.Fprintf(c.Stdout, "%s ran %s\r\n", c.Host, c.CommandLine)
//			return 0
//		}))
//	fe01.URL()   // http://127.0.0.2:15985/wsman
//	fe01.Down()  // power off: connections reset, new ones refused, shells forgotten, commands cancelled
//	fe01.Up()    // back on the same address
//
// # The law
//
//   - One address is one server. Routing is by the address that accepted the connection, never by the To header.
//   - Everything is bounded by [Limits]: envelope, shells, processes, operations, connections, buffered output and input.
//     A command that writes faster than its client reads waits in Write.
//   - A logon belongs to a connection (NTLM, Kerberos, certificate) or to a message (Basic). A wrong password is refused
//     with 401 and reported to [Options.OnLogon], once for each attempt, so that a test can count the attempts.
//   - Output is handed out once, in order, to the newest Receive. What was sent on a connection that broke before
//     its client can have read it is handed out again.
//   - A command is cancelled through its context, and the cause says why: [ErrTerminated], [ErrInterrupted],
//     [ErrShellDeleted], [ErrShellIdle], [ErrHostDown]. A Handler returns soon after; [Server.Close] waits for it.
//   - [Options.Faults] is asked once for each message and can break it on the wire before it is acted on (the request
//     is lost) or after (the answer is lost).
//
// Kerberos and NTLM seal messages; Basic and certificates belong under TLS. With [Options.RefuseUnencrypted] the endpoint
// is as strict as a Windows server with AllowUnencrypted=false.
//
// The tests drive it with masterzen/winrm, and with pywinrm, Ansible and MIT's GSS library where they are installed
// (Debian: python3-winrm python3-requests-kerberos python3-gssapi ansible krb5-kdc krb5-admin-server krb5-user).
//
// Not served: PowerShell remoting (PSRP), CredSSP, event forwarding, WMI resources.
package wsman
