package winrm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lrun/lrun/pool"
)

// A password in the clear is for this machine alone, unless --insecure says otherwise.
func TestBasicWithoutTLS(t *testing.T) {
	for hosts, want := range map[string]string{
		`{fe01.contoso.com: "127.0.0.2:15985", fe02.contoso.com: "127.0.0.3:15985", fe03.contoso.com: "127.0.0.4:15985"}`:                             "",
		`{fe01.contoso.com: "127.0.0.2:15985", fe02.contoso.com: "10.1.2.3:15985", fe03.contoso.com: 127.0.0.4}`:                                      "fe02.contoso.com",
		`{fe01.contoso.com: "127.0.0.2:15985", fe02.contoso.com: "127.0.0.3:15985"}`:                                                                  "fe03.contoso.com", // is somewhere
		`{fe01.contoso.com: 127.0.0.2, fe02.contoso.com: 127.0.0.3, fe03.contoso.com: 127.0.0.4}, via: mgmt01.contoso.com`:                            "mgmt01.contoso.com",
		`{fe01.contoso.com: 127.0.0.2, fe02.contoso.com: 127.0.0.3, fe03.contoso.com: 127.0.0.4, mgmt01.contoso.com: local}, via: mgmt01.contoso.com`: "",
		`{fe01.contoso.com: 127.0.0.2, fe02.contoso.com: 127.0.0.3, fe03.contoso.com: 127.0.0.4, b01.contoso.com: 10.0.0.1}`:                          "b01.contoso.com",
	} {
		p, err := pool.Decode("x", []byte(fmt.Sprintf(`pool: pool01.contoso.com
product: lync2013
domains: {UD1: [fe01.contoso.com], UD2: [fe02.contoso.com], UD3: [fe03.contoso.com]}
connect: {auth: basic, user: lync, tls: false, hosts: %s}
`, hosts)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = NewLogin(p, Credentials{Password: "secret-of-the-test"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "in the clear to "+want)) {
			t.Errorf("hosts %s: %v, want %q", hosts, err, want)
		}
		if _, err = NewLogin(p, Credentials{Password: "secret-of-the-test", Insecure: true}); err != nil {
			t.Errorf("insecure: %v", err)
		}
	}
}
