package lang
import ("testing";"os")
func TestSmoke3(t *testing.T) {
		src,_:=os.ReadFile("/tmp/bad.lrun")
		p, ds := Load("a.lrun", src, nil)
		t.Logf("\n%s", ds.Render(p.Sources, RenderOptions{}))
}
