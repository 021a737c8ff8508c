package wsman_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/masterzen/winrm"

	"github.com/lrun/lrun/winrm/wsman"
)

// A modelled server runs a command, goes down and comes back without the shells it had.
func Example() {
	srv := wsman.NewServer(wsman.Options{
		Auth: []wsman.Auth{wsman.Basic(wsman.StaticAccounts{"admin": "secret"})},
		OnLogon: func(l wsman.Logon) {
			if !l.OK {
				fmt.Printf("%s: %s refused: %s\n", l.Host, l.User, l.Reason)
			}
		},
	})
	defer srv.Close()
	// An address of its own keeps the port free while the host is down.
	fe01, err := srv.Listen("127.0.0.144:0", "fe01.contoso.com", wsman.HandlerFunc(func(ctx context.Context, c *wsman.Command) int {
		fmt.Fprintf(c.Stdout, "%s ran %q for %s", c.Host, c.CommandLine, c.User)
		return 0
	}))
	if err != nil {
		panic(err)
	}
	connect := func(password string) *winrm.Client {
		host, port, _ := net.SplitHostPort(fe01.Addr())
		n, _ := strconv.Atoi(port)
		c, err := winrm.NewClient(winrm.NewEndpoint(host, n, false, false, nil, nil, nil, 10*time.Second), "admin", password)
		if err != nil {
			panic(err)
		}
		return c
	}

	var out, errs bytes.Buffer
	exit, err := connect("secret").RunWithContext(context.Background(), "hostname", &out, &errs)
	fmt.Println(out.String(), exit, err)

	connect("guess").CreateShell()

	fe01.Down()
	_, err = connect("secret").CreateShell()
	fmt.Println("while down:", err != nil)
	fmt.Println("up again:", fe01.Up(), fe01.Stats().Shells, "shells")
	// Output:
	// fe01.contoso.com ran "hostname" for admin 0 <nil>
	// fe01.contoso.com: admin refused: wrong user or password
	// while down: true
	// up again: <nil> 0 shells
}
