package main

import (
	"fmt"
	"strings"
)

// commands is the table of commands, in the order in which a night is prepared. Help, completion and dispatch are made
// of it.
func commands() []*command {
	return []*command{
		checkCommand, fmtCommand, planCommand, simulateCommand, testCommand, proveCommand, diffCommand, preflightCommand, execCommand,
		resumeCommand, pauseCommand, statusCommand, runsCommand, reportCommand, serveCommand, runbooksCommand, completionCommand(), versionCommand,
	}
}

const overviewHead = `lrun runs runbooks for Lync Server 2013 and Skype for Business pools: a night of
upgrades is written down, checked and rehearsed before a server is touched.

Usage: lrun COMMAND [ARGUMENT…] [FLAG…]

`

const overviewTail = `
lrun COMMAND --help shows the flags of a command and an example.

Rehearse a shipped runbook on a shipped pool:

    lrun simulate lync2013-cu --pool contoso-6 --scenario busy-stays
`

func overview() string {
	var b strings.Builder
	b.WriteString(overviewHead)
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-11s %s\n", c.name, c.about)
	}
	b.WriteString(overviewTail)
	return b.String()
}
