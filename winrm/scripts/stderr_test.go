package scripts

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestStderrText(t *testing.T) {
	const head = `#< CLIXML` + "\r\n" + `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">`
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"plain\r\nwords\x1b[2J\n", "plain\nwords [2J"},
		{head + `<S S="Error">Access is _x000D__x000A_</S><S S="Error">denied_x000D__x000A_</S></Objs>`, "Access is\ndenied"},
		{head + `<Obj S="progress" RefId="0"><TN RefId="0"><T>x</T></TN><S N="a">no</S></Obj><S S="warning">careful</S></Objs>after`, "careful\nafter"},
		{head + `<S S="Error">cut</S><S S="Er`, "cut"},
		{head + `<S S="Error">smile _xD83D__xDE00_</S></Objs>`, "smile 😀"},
		{"a" + head + `</Objs>b` + head + `<S S="Error">c</S></Objs>`, "a\nb\nc"},
	} {
		if got := StderrText([]byte(tt.in)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := StderrText([]byte(strings.Repeat("word\n", 5000))); len(got) > maxStderr*2 {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzStderrText(f *testing.F) {
	f.Add([]byte(`#< CLIXML <Objs><S S="Error">a_x000D_</S></Objs>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := StderrText(b)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\r\x00") {
			t.Fatalf("%q", got)
		}
	})
}
