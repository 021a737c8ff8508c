package lang

import "github.com/alecthomas/participle/v2/lexer"

func (t *tokens) explain(toks []lexer.Token, at int, shape *blocks) {
	t.diags.add(codeSyntax, toks[at].Pos, toks[at].Pos, "", "unexpected %q", toks[at].Value)
}
