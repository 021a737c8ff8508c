package winrm

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

// KeepInstallers puts on record which files preflight has seen everywhere: path on the servers and SHA-256 in lower case.
// Another file under that path is not run, by this run or a resumed one. What is on record already stays: all servers of
// one run get the same file.
func KeepInstallers(m Memory, seen map[string]string) error {
	for _, path := range slices.Sorted(maps.Keys(seen)) {
		if _, kept := m.Get(installerKey(path)); kept {
			continue
		}
		if err := m.Put(installerKey(path), seen[path]); err != nil {
			return err
		}
	}
	return nil
}

func installerKey(path string) string { return "installer " + strings.ToLower(path) }

// upgrade runs the installer as a job on the server.
func (t *task) upgrade(ctx context.Context) result {
	j := t.upgradeJob()
	if t.e.Attach {
		return t.attach(ctx, j)
	}
	return t.do(ctx, j)
}

func (t *task) upgradeJob() *job {
	expected, _ := t.w.opts.Memory.Get(installerKey(t.text))
	return &job{
		id: t.w.jobName(t.begunAs(), ""), host: t.w.pool.Servers[t.begunAs().Server].Name, script: scripts.Upgrade,
		args:  scripts.UpgradeArgs{Path: t.text, Arguments: t.args, SHA256: expected},
		judge: judgeInstaller,
	}
}

// attach waits for a job that is known to be going.
func (t *task) attach(ctx context.Context, j *job) result {
	if r, ok := t.w.endOf(j.id); ok {
		return r
	}
	host, ok := t.w.placeOf(j.id)
	if !ok {
		return failed("there is nothing going on that could be waited for")
	}
	j.host = host
	return t.follow(ctx, j)
}

// judgeInstaller reads the exit code. A reboot that is wanted where no version has changed means that Windows wanted one
// from before, and that nothing was installed.
func judgeInstaller(res scripts.Result) result {
	var u scripts.UpgradeResult
	if err := res.Into(&u); err != nil {
		if refused(err) {
			return failed("%s", why(err))
		}
		return result{outcome: interp.Unknown, text: why(err)}
	}
	changed := len(u.Before) == 0 || len(u.After) == 0 || !slices.Equal(u.Before, u.After)
	switch u.Outcome() {
	case scripts.InstallerDone:
		return done("")
	case scripts.InstallerReboot:
		if !changed {
			return failed("Windows waits for a reboot; nothing was installed (exit code %d)", *u.Exit)
		}
		return done(fmt.Sprintf("exit code %d: Windows waits for a reboot", *u.Exit))
	case scripts.InstallerRebooting:
		return done("exit code 1641: the installer has begun a reboot")
	case scripts.InstallerFailed:
	}
	text := fmt.Sprintf("it ended with exit code %d", *u.Exit)
	if log := endOf(u.Log); log != "" {
		text += "; the last it wrote: " + log
	}
	return failed("%s", text)
}

// runScript runs the PowerShell of a `run` step as a job, on its server or on a front end of the pool.
func (t *task) runScript(ctx context.Context) result {
	j := t.scriptJob()
	if t.e.Attach {
		return t.attach(ctx, j)
	}
	if _, begun := t.w.placeOf(j.id); t.begunAs().Server == interp.Pool && !begun {
		s := t.w.lookAround(ctx)
		hosts := t.w.askable(&s)
		switch {
		case ctx.Err() != nil:
			return cut()
		case len(hosts) == 0 || t.w.pool.Connect.Via == "" && s.running().Empty():
			return failed("no front end of the pool runs that could be asked")
		}
		j.host = hosts[0]
	}
	return t.do(ctx, j)
}

func (t *task) scriptJob() *job {
	j := &job{
		id: t.w.jobName(t.begunAs(), ""), script: scripts.Run, judge: judgeScript,
		args: scripts.RunArgs{Text: t.in.Script, Params: t.w.prog.Params},
	}
	if s := t.begunAs().Server; s >= 0 {
		j.host = t.w.pool.Servers[s].Name
	}
	return j
}

func judgeScript(res scripts.Result) result {
	texts, err := res.Texts()
	switch {
	case refused(err):
		return failed("%s", why(err))
	case err != nil:
		return result{outcome: interp.Unknown, text: why(err)}
	}
	return done(clean(strings.Join(texts, "; ")))
}
