package lang
import "testing"
func TestSmoke2(t *testing.T) {
	for _, src := range []string{sample, card} {
		p, ds := Load("a.lrun", []byte(src), nil)
		ds = append(ds, Check(p, PoolFacts{})...)
		t.Logf("\n%s", ds.Render(p.Sources, RenderOptions{}))
		out, _ := Format("a.lrun", []byte(src))
		if string(out) != src { t.Errorf("%s", out) }
	}
}
