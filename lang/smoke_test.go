package lang

import "testing"

const sample = `runbook "Lync Server 2013 cumulative update"

param update  = "C:\Updates\LyncServerUpdateInstaller.exe"   # path on each server
param version = ""                                            # version expected afterwards; "" = do not compare
window 6h                                                     # start no new domain after this

on failure:
  notify "{runbook} stopped on {pool}: {reason}"
end
on window:
  notify "{runbook}: the window on {pool} is closed, the rest follows the next night"
  failback
end

for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop
  upgrade with "{update}" args "/silentmode" within 1h
  restart within 30m
  verify version "{version}" retry 60 every 1m
  hold ready 20m within 2h
end

if failed over:
  failback
end
`

const card = `wait ready retry 3 every 10m else failover
for each domain: stop graceful; upgrade; restart; verify
`

func TestSmoke(t *testing.T) {
	for _, src := range []string{sample, card, "for each domain:\r\n  for each server at most 2 at once:\r\n stop else:\n skip\nend; start; end\nend\nif not (paired and pool ready) or left 2h: note \"x{{{y\"\nif paired:\nelse if failed over:\nelse:\nfailover server drain 5m\nend", "verfy\nstop stop\nwait redy\nend", "for each domain:\n if paired:\nstop\n", "sleep 10 m\nsleep -5m\nsleep 1e9h\nnote “x”\nnote \"abc\n"} {
		p, ds := Load("a.lrun", []byte(src), nil)
		t.Logf("%d stmts\n%v", len(p.Body), ds)
	}
}
