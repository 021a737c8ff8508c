package sim

import (
	"fmt"
	"strings"
)

// text says why something failed or what was seen. The state holds the number; the words are made when they are told.
type text uint8

const (
	noText text = iota
	textNoEffect
	textNoServer
	textBound
	textConnection
	textSuperseded
	textNeverBegun
	textNoAnswer
	textRefuses
	textStarting
	textWaitsForOthers
	textStopped
	textDisabled
	textDenied
	textDraining
	textVersion
	textSessionsLeft
	textRGSLeft
	textStopping
	textStopFails
	textStartFails
	textExit
	textOtherInstaller
	textRebootFirst
	textRebootFails
	textBooting
	textFailoverServerFails
	textFailbackServerFails
	textNoCapacity
	textWaitTime
	textWaitTimeBack
	textNoFrontEnd
	textUnanswered
	textGarbled
	textDatabase
	textSilent
	textRefused
	textNotSent
	textNotPaired
	textBetween
	textEdge
	textBackupInsufficient
	textBackupUnread
	textBackupService
	textPartnerService
	textNoCMS
	textTwoCMS
	textReplicas
	textPoolDown
	textFailoverFails
	textInsufficient
	textTooFew
	textUnread
	textFailbackFails
	textCMSMoved
	textQuorumLost
	textDied
	textByHandServices
	textWantsReboot
	textReplicaStale
	textSQLMirror
	textSQLLost
	textSQLBack
	textResiliency
	textByHandFailover
	textByHandFailback
	texts
)

// sentences holds the words of every text. %n is its number, %p the pool, %b the backup pool, %q the servers that the
// pool wants for a start.
var sentences = [texts]string{
	textNoEffect:            "the model has no such action",
	textNoServer:            "the pool has no such server",
	textBound:               "it had not ended when its bound passed",
	textConnection:          "the connection broke before its end was known",
	textSuperseded:          "another action on the server took its place",
	textNeverBegun:          "there is nothing going on that could be waited for",
	textNoAnswer:            "the server does not answer",
	textRefuses:             "port 5061 does not accept a new connection",
	textStarting:            "RTCSRV is still starting (event 32174: its routing groups are not placed yet)",
	textWaitsForOthers:      "RTCSRV is still starting (event 32174: too few Front End servers run)",
	textStopped:             "the services are stopped",
	textDisabled:            "the services are disabled; Invoke-CsComputerFailBack enables them",
	textDenied:              "RTCSRV is refused access (events 12314 and 12299); the server has to be rebooted",
	textDraining:            "RTCSRV is paused and takes no new sessions",
	textVersion:             "the version is not the expected one",
	textSessionsLeft:        "%n sessions were left when the bound passed",
	textRGSLeft:             "RTCRGS counts 1073741824 calls and does not drain; %n real sessions were left when the bound passed",
	textStopping:            "services were still in StopPending when the bound passed",
	textStopFails:           "Stop-CsWindowsService: a service cannot be controlled in its present state",
	textStartFails:          "Start-CsWindowsService: a service did not start",
	textExit:                "it ended with exit code 1603",
	textOtherInstaller:      "another installation is in progress (1618)",
	textRebootFirst:         "Windows waits for a reboot; nothing was installed (3010)",
	textRebootFails:         "Windows refused the reboot",
	textBooting:             "the server had not come back when the bound passed",
	textFailoverServerFails: "Invoke-CsComputerFailOver failed and left the server as it was",
	textFailbackServerFails: "Invoke-CsComputerFailBack failed; the services are neither started nor enabled",
	textNoCapacity:          "Invoke-CsComputerFailOver: without this server the pool would lose its quorum",
	textWaitTime:            "Invoke-CsComputerFailOver: the wait time was exceeded, nothing was done to the server",
	textWaitTimeBack:        "Invoke-CsComputerFailBack: the wait time was exceeded, the services are neither started nor enabled",
	textNoFrontEnd:          "no front end of the pool runs that could be asked",
	textUnanswered:          "the readiness cmdlet did not come back",
	textGarbled:             `the answer has no pool state: {"PoolUpgradeState":3}`,
	textDatabase:            "Test-CsDatabase: the expected version is not the installed one; a database update is due",
	textSilent:              "nobody answered",
	textRefused:             "the answer was no",
	textNotSent:             "the text could not be sent",
	textNotPaired:           "the pool is not paired",
	textBetween:             "the pool is between failover and failback",
	textEdge:                "the pool is the next hop of an Edge pool; change the next hop first",
	textBackupInsufficient:  "the backup pool %b is InsufficientActiveFrontEnds itself",
	textBackupUnread:        "the readiness of the backup pool %b cannot be read",
	textBackupService:       "the backup service of %p is not steady",
	textPartnerService:      "the backup service of the backup pool %b is not steady",
	textNoCMS:               "the Central Management Store has no active master",
	textTwoCMS:              "the Central Management Store is active on both pools; repair that by hand first",
	textReplicas:            "the Central Management Store cannot be moved: a replica is not up to date",
	textPoolDown:            "the pool is not in service; a failover without `disaster` needs it",
	textFailoverFails:       "Invoke-CsPoolFailOver failed",
	textInsufficient:        "the pool reads InsufficientActiveFrontEnds",
	textTooFew:              "fewer than %q front ends run, which the pool wants for a start",
	textUnread:              "the readiness of the pool cannot be read",
	textFailbackFails:       "Invoke-CsPoolFailBack failed",
	textCMSMoved:            "the Central Management Store was moved to the backup pool %b and stays there",
	textQuorumLost:          "too few votes are left for the quorum",
	textDied:                "the server went down by itself",
	textByHandServices:      "somebody changed the services by hand",
	textWantsReboot:         "exit code 3010: Windows waits for a reboot",
	textReplicaStale:        "its replica of the Central Management Store is not up to date",
	textSQLMirror:           "the primary database is down and its mirror serves: the pool has lost its witness vote",
	textSQLLost:             "no database answers: the pool has lost its witness vote",
	textSQLBack:             "the primary database is principal again and gives its vote",
	textResiliency:          "no database has answered for 30 minutes: users are in resiliency mode, their contacts are read-only",
	textByHandFailover:      "somebody failed the pool over by hand",
	textByHandFailback:      "somebody failed the pool back by hand",
}

// words makes a text readable.
func (m *Model) words(t text, server int8, n int32) string {
	s := sentences[t]
	c := m.cfg
	switch t {
	case textSessionsLeft, textRGSLeft:
		return strings.ReplaceAll(s, "%n", fmt.Sprint(n))
	case textBackupInsufficient, textBackupUnread, textPartnerService, textCMSMoved:
		return strings.ReplaceAll(s, "%b", c.pool.Backup)
	case textBackupService:
		return strings.ReplaceAll(s, "%p", c.pool.Name)
	case textTooFew:
		return strings.ReplaceAll(s, "%q", fmt.Sprint(c.pool.StartQuorum()))
	case textVersion:
		if m.isServer(server) && c.builds[m.st.servers[server].build].text != "" {
			return fmt.Sprintf("the version is %s, not the expected one", c.builds[m.st.servers[server].build].text)
		}
	}
	return s
}

// upText says why a server that was to come up is not there when the bound passes.
func (m *Model) upText(who int8) text {
	if !m.isServer(who) {
		return textBound
	}
	switch sv := &m.st.servers[who]; {
	case sv.phase == off:
		return textBooting
	case sv.phase == starting && sv.waiting && !m.st.quorate:
		return textWaitsForOthers
	case sv.phase == starting:
		return textStarting
	}
	return textBound
}

// serviceText says what is wrong with a server that is to be verified, or nothing.
func (m *Model) serviceText(who int8, pc uint16) text {
	sv := &m.st.servers[who]
	switch {
	case sv.phase == off:
		return textNoAnswer
	case sv.phase == starting:
		return m.upText(who)
	case sv.phase == draining:
		return textDraining
	case sv.phase != running && sv.disabled:
		return textDisabled
	case sv.phase != running && sv.denied:
		return textDenied
	case sv.phase != running:
		return textStopped
	}
	want := m.cfg.prog.At(pc).Text
	if s, known := want.Const(); known && s == "" || m.atVersion(sv.build, want) {
		return noText
	}
	return textVersion
}
