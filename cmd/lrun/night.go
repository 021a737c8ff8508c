package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/runstore"
)

// night drives a run on the live pool to its end, or to where it stops: what exec and resume have in common.
type night struct {
	e       *env
	run     *runstore.Run
	site    site
	console *console
	json    bool
	step    bool
	leash   *leash

	installers map[string]string // that preflight saw everywhere

	begin    start
	progress *progress
	screen   *screen
	desc     *interp.Describer
	steered  *steered
	seenLast func() map[int8]string
	seq      int64       // of the last record that is in the journal
	failed   error       // of writing to stdout
	said     [2]*patient // stdout and stderr
}

// localStart is the local time at which a run began, for the lines that people read.
func localStart(t time.Time) start {
	t = t.Local()
	return start{given: true, clock: sinceMidnight(t)}
}

func (n *night) out() io.Writer {
	if n.json {
		return n.e.stderr
	}
	return n.e.stdout
}

// flushMost is how long the end of a run waits for its reader.
const flushMost = time.Minute

// flush waits until what was said has been taken.
func (n *night) flush(most time.Duration) error {
	return errors.Join(n.said[0].flush(most), n.said[1].flush(most))
}

// prepare makes the views. What a journal holds already is taken in with [night.seen] before the run goes on.
func (n *night) prepare() {
	e := *n.e
	n.said = [2]*patient{newPatient(e.stdout), newPatient(e.stderr)}
	e.stdout, e.stderr = n.said[0], n.said[1]
	n.e = &e
	n.begin = localStart(n.run.Header.Started)
	n.views(n.run.Program)
}

func (n *night) views(prog *interp.Program) {
	n.desc = interp.NewDescriber(prog, n.begin.words)
	n.progress = newProgress(prog, n.begin)
	n.screen = newScreen(n.e, n.out(), func() []string {
		if n.steered == nil {
			return nil
		}
		return n.progress.lines(n.steered.now(), n.seenLast())
	})
	n.console.still = func(still bool) {
		n.screen.hush(still)
		_ = n.flush(time.Second) // the question comes after what was said, unless nobody reads
	}
}

// play drives the run. Its error is what broke it off; it can be resumed then.
func (n *night) play(ctx context.Context, first interp.Event) (interp.Result, error) {
	w, err := n.site.world(worldOptions{
		prog: n.run.Program, run: n.run.ID, folder: n.run.Folder(), begun: n.run.Machine.Begun(), from: first.At, render: n.run.Machine.Render,
		console: n.console, notify: newNotifier(n.run.Program.Pool), installers: n.installers,
	})
	if err != nil {
		return interp.Result{}, err
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // Ctrl-C is an event of the run from here on
	defer cancel()
	n.steered, n.seenLast = steer(w, w.Now), w.Seen
	n.steered.last = first.At
	n.leash.tie(func() { n.steered.signal(interp.Pause) })
	n.steered.arrived = func(*interp.Event) { n.tap("before", n.seq+1) }
	if n.step {
		n.steered.gate = &stepper{s: n.steered, ask: n.askStep, ctx: ctx}
	}
	n.run.Journal.Seen = n.seen
	defer n.screen.end()
	var watch sync.WaitGroup
	defer watch.Wait()
	stop, done := context.WithCancel(ctx)
	defer done()
	watch.Go(func() { n.signals(stop, cancel) })
	watch.Go(func() { n.pauses(stop) })
	watch.Go(func() { n.beats(stop) })
	n.tap("before", n.seq+1)
	res, err := interp.DriveJournaled(ctx, n.run.Machine, n.steered, n.run.Journal, first)
	return res, err
}

// tap is where a test kills lrun: before a record is written, and once it is in the journal.
func (n *night) tap(when string, seq int64) {
	if n.e.tap != nil {
		n.e.tap(when, seq)
	}
}

// seen shows what is in the journal.
func (n *night) seen(out *interp.Output) {
	prog := n.run.Program
	n.progress.take(n.run.Machine, out)
	for i := range out.Records {
		r := &out.Records[i]
		n.seq = r.Seq
		if n.json {
			line := prog.AppendJSON(nil, r)
			if r.Kind == interp.RecFinish {
				res := n.run.Machine.Standing()
				line = prog.AppendFinish(nil, r, &res)
			}
			if _, err := n.e.stdout.Write(append(line, '\n')); err != nil && n.failed == nil {
				n.failed = err
			}
			continue
		}
		if line := n.desc.Line(r); line != "" {
			n.screen.line(line)
		}
		if r.Kind == interp.RecTurn {
			if fits := n.progress.fits(r); fits != "" {
				n.screen.line(fmt.Sprintf("%s  %-*s  %s", n.begin.words(r.At), column(prog.Pool), "window", fits))
			}
		}
	}
	n.screen.redraw()
	n.tap("after", n.seq)
}

// askStep is the question of --step.
func (n *night) askStep(ctx context.Context, e *interp.Effect) bool {
	where := n.run.Program.Pool.Name
	if e.Server >= 0 {
		where = n.run.Program.Pool.Servers[e.Server].Name
	}
	yes, err := n.console.yes(ctx, fmt.Sprintf("%s on %s?", n.run.Program.At(e.ID.PC).Phrase(), where))
	return err == nil && yes
}

// signals turns Ctrl-C into events: once pauses, twice interrupts, three times ends lrun now. A terminal that goes away
// pauses: nobody watches any more, and a turn in its middle is no place to stop.
func (n *night) signals(ctx context.Context, now context.CancelFunc) {
	c := make(chan os.Signal, 3)
	defer n.e.interrupts(c)()
	for count := 1; ; {
		select {
		case <-ctx.Done():
			return
		case sig := <-c:
			switch sig {
			case syscall.SIGHUP:
				n.steered.signal(interp.Pause)
				continue
			case syscall.SIGTERM:
				count = max(count, 2) // a polite request of the operating system to end
			}
			switch {
			case count == 1:
				n.steered.signal(interp.Pause)
				n.tell("Ctrl-C: the turn under way is brought to its end; once more stops after the actions in flight")
			case count == 2:
				n.steered.signal(interp.Interrupt)
				n.tell("Ctrl-C: the actions in flight are brought to their end; once more stops now")
			default:
				now()
				return
			}
			count++
		}
	}
}

// tell says something to the person in front that is no record.
func (n *night) tell(text string) {
	if n.json {
		n.e.errorText("lrun: " + text + "\n")
		return
	}
	n.screen.line(text)
}

// pauses looks for a request of lrun pause.
func (n *night) pauses(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		if by, asked := n.run.PauseRequested(); asked {
			n.steered.signal(interp.Pause)
			if by.By != "" {
				n.tell("a pause is asked for by " + oneLine(by.By))
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// heartbeat is how often a run tells where it stands when nobody sees it live.
const heartbeat = 5 * time.Minute

// beats keeps the live view moving, or tells now and then that lrun is alive.
func (n *night) beats(ctx context.Context) {
	every := heartbeat
	if n.screen.live {
		every = redrawEvery
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if n.screen.live {
				n.screen.redraw()
			} else if !n.json {
				n.screen.beat("  … ")
			}
		}
	}
}

// ended tells how the run ended or was broken off, and gives the exit code as an error.
func (n *night) ended(res interp.Result, err error) error {
	defer func() { _ = n.flush(flushMost) }()
	switch {
	case errors.Is(err, context.Canceled):
		n.e.fail("interrupted: what was in flight goes on by itself; lrun has stopped watching it", n.hint())
		return exitCode(exitInterrupted)
	case err != nil:
		n.e.fail(err.Error(), n.hint())
		return exitCode(exitUnfinished)
	}
	// The journal has it all: an output that nobody takes any more changes nothing about how the run ended.
	if !n.json {
		n.failed = n.e.print("\n" + endText(n.run, n.begin, &res))
	}
	if n.failed = errors.Join(n.failed, n.said[0].flush(flushMost)); n.failed != nil {
		n.e.fail(n.failed.Error(), n.run.Line("status")+" tells how the run ended")
	}
	if code := res.ExitCode(); code != exitDone {
		return exitCode(code)
	}
	return nil
}

func (n *night) hint() string { return n.run.Line("resume") + " goes on with it" }

// endText tells how a run ended: the outcome first, then what is left to do.
func endText(run *runstore.Run, begin start, res *interp.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s after %s (exit code %d)\n", outcomeWords(res.Ending), took(res.Elapsed), res.ExitCode())
	rows := append(runRows(run.Program, begin, res), row{"run", run.ID})
	if res.ExitCode() != exitDone {
		rows = append(rows, row{"next", run.Line("resume")})
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-12s %s\n", r.Name, r.Text)
	}
	return b.String()
}

// runRows is the summary of a run on real servers. What it did to users is not in a journal: nobody could count them.
func runRows(prog *interp.Program, begin start, res *interp.Result) []row {
	var rows []row
	add := func(name, format string, args ...any) { rows = append(rows, row{name, fmt.Sprintf(format, args...)}) }
	list := func(name string, servers []string) {
		if len(servers) > 0 {
			add(name, "%s", strings.Join(servers, " "))
		}
	}
	if res.Reason != "" {
		add("reason", "%s", oneLine(res.Reason))
	}
	list("left down", res.Down)
	if res.FailedOver {
		add("failed over", "the users are still served by %s", prog.Pool.Backup)
	}
	if prog.Upgrades {
		add("upgraded", "%d of %d servers", len(res.Upgraded), len(prog.Pool.Servers))
	}
	list("remaining", res.Remaining)
	list("skipped", res.Skipped)
	if end, ok := windowEnd(prog, begin); ok {
		if left := end - res.Elapsed; left >= 0 {
			add("window", "%s left", took(left))
		} else {
			add("window", "ended %s before the run", took(-left))
		}
	}
	return rows
}
