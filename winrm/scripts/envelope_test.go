package scripts

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

const testNonce = "0123456789abcdef0123456789abcdef"

// fields pairs each script with the types that travel to it and back.
var fields = []struct {
	script    Script
	args, out any
}{
	{Survey, SurveyArgs{}, SurveyResult{}},
	{Readiness, nil, ReadinessResult{}},
	{Stop, StopArgs{}, Asked{}},
	{Start, StartArgs{}, Asked{}},
	{BootMark, BootMarkArgs{}, BootMarkResult{}},
	{Restart, RestartArgs{}, RestartResult{}},
	{Mark, MarkArgs{}, MarkResult{}},
	{Hop, nil, HopResult{}},
	{Facts, nil, FactsResult{}},
	{Installer, InstallerArgs{}, InstallerResult{}},
	{Registrar, PoolArgs{}, RegistrarResult{}},
	{Backup, PoolArgs{}, BackupResult{}},
	{CMS, CMSArgs{}, CMSResult{}},
	{Edge, nil, EdgeResult{}},
	{Mirror, PoolArgs{}, MirrorResult{}},
	{PoolFacts, PoolArgs{}, PoolFactsResult{}},
	{Computers, ComputersArgs{}, ComputersResult{}},
	{JobStart, JobStartArgs{}, JobStarted{}},
	{JobRead, JobReadArgs{}, JobStatus{}},
	{JobPoll, JobPollArgs{}, JobStatus{}},
	{JobVoid, JobVoidArgs{}, JobStatus{}},
	{JobRemove, JobRemoveArgs{}, nil},
	{Upgrade, UpgradeArgs{}, UpgradeResult{}},
	{Run, RunArgs{}, nil},
	{FailoverPool, FailoverArgs{}, Done{}},
	{FailbackPool, struct {
		Pool        string `json:"pool"`
		WaitSeconds int    `json:"waitSeconds"`
	}{}, Done{}},
	{FailoverCMS, FailoverCMSArgs{}, Done{}},
	{FailoverComputer, ComputerArgs{}, Done{}},
	{FailbackComputer, struct {
		Computer string `json:"computer"`
	}{}, Done{}},
}

// jsonNames lists the JSON names of a struct, those of the structs in it and in its lists included.
func jsonNames(v any) []string {
	if v == nil {
		return nil
	}
	var names []string
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		if t.Field(i).Anonymous {
			names = append(names, jsonNames(reflect.Zero(t.Field(i).Type).Interface())...)
			continue
		}
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		names = append(names, name)
		ft := t.Field(i).Type
		if ft.Kind() == reflect.Slice {
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Struct {
			names = append(names, jsonNames(reflect.Zero(ft).Interface())...)
		}
	}
	return names
}

func TestCommandLineFits(t *testing.T) {
	line := CommandLine()
	if len(line) > 8000 {
		t.Errorf("%d characters do not fit through cmd.exe", len(line))
	}
	if !strings.HasPrefix(line, powershell) || strings.ContainsAny(line, "%^&|<>\"") {
		t.Error("a character that cmd.exe would act on")
	}
	t.Logf("command line: %d characters", len(line))
}

func TestEncode(t *testing.T) {
	in, err := Encode(Stop, StopArgs{Graceful: true, Names: []string{"RTC'SRV\u2019; Remove-Item"}, Run: "0123456789abcdef"}, testNonce)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range in[:len(in)-1] {
		if b < '+' || b > 'z' {
			t.Fatalf("byte %q on the wire", b)
		}
	}
	r, err := DecodeRequest(in)
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != Stop || r.Nonce != testNonce || r.Script != Stop.Text() || strings.Contains(r.Script, "Remove-Item") {
		t.Errorf("%+v", r)
	}
	if want := `{"graceful":true,"names":["RTC'SRV’; Remove-Item"],"run":"0123456789abcdef"}`; string(r.Args) != want {
		t.Errorf("args %s, want %s", r.Args, want)
	}
	for _, s := range []Script{"", "bootstrap", "job-run", "versions", "lib-cs", "../survey"} {
		if _, err := Encode(s, nil, testNonce); !errors.Is(err, ErrUnknownScript) {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, args := range []any{[]int{1}, "x", 3} {
		if _, err := Encode(Stop, args, testNonce); err == nil {
			t.Errorf("%v are taken as arguments", args)
		}
	}
	if _, err := Encode(Stop, nil, "x y"); err == nil {
		t.Error("a nonce with a blank is taken")
	}
}

func TestScriptsFitIntoAFewChunks(t *testing.T) {
	for _, s := range All() {
		in, err := Encode(s, nil, testNonce)
		if err != nil {
			t.Fatal(err)
		}
		if len(in) > 32<<10 {
			t.Errorf("%s: %d bytes of input", s, len(in))
		}
	}
}

func line(nonce, body string) string {
	return marker + nonce + " " + base64.StdEncoding.EncodeToString([]byte(body)) + "\r\n"
}

func TestDecode(t *testing.T) {
	good := `{"ok":true,"out":[{"asked":true}],"warn":["w"],"psv":"3.0"}`
	other := strings.Repeat("f", 32)
	for _, tt := range []struct {
		name, stdout string
		found        bool
	}{
		{"plain", line(testNonce, good), true},
		{"noise around", "WARNING: x\r\nLRUN1\r\n" + line(testNonce, good) + "bye", true},
		{"other nonce beside", line(other, good) + line(testNonce, good), true},
		{"failed", line(testNonce, `{"ok":false,"out":[],"err":{"msg":"no"}}`), true},
		{"nothing", "", false},
		{"other nonce", line(other, good), false},
		{"no nonce", line("-", good), false},
		{"twice", line(testNonce, good) + line(testNonce, good), false},
		{"not at the line's start", "x" + line(testNonce, good), false},
		{"cut line", strings.TrimSuffix(line(testNonce, good), "\r\n"), false},
		{"cut base64", line(testNonce, good)[:60] + "\n", false},
		{"not base64", marker + testNonce + " !!!\n", false},
		{"not JSON", line(testNonce, "hello"), false},
		{"no ok", line(testNonce, `{"out":[]}`), false},
		{"ok with an error", line(testNonce, `{"ok":true,"err":{"msg":"x"}}`), false},
		{"failed without an error", line(testNonce, `{"ok":false}`), false},
		{"not UTF-8", line(testNonce, "{\"ok\":true,\"psv\":\"\xff\"}"), false},
		{"two values", line(testNonce, good+good), false},
	} {
		r, err := Decode([]byte(tt.stdout), testNonce)
		if (err == nil) != tt.found || err != nil && !errors.Is(err, ErrNoResult) {
			t.Errorf("%s: %+v, %v", tt.name, r, err)
		}
	}
	if _, err := Decode([]byte(line("", good)), ""); !errors.Is(err, ErrNoResult) {
		t.Errorf("an empty nonce: %v", err)
	}
}

func TestInto(t *testing.T) {
	decode := func(body string) Result {
		t.Helper()
		r, err := Decode([]byte(line(testNonce, body)), testNonce)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var a Asked
	if err := decode(`{"ok":true,"out":[{"asked":true}]}`).Into(&a); err != nil || !a.Asked {
		t.Errorf("%+v, %v", a, err)
	}
	for _, body := range []string{`{"ok":true,"out":[]}`, `{"ok":true,"out":[{},{}]}`, `{"ok":true,"out":[{}]}`, `{"ok":true,"out":["x"]}`,
		`{"ok":true,"out":[{"asked":"yes"}]}`} {
		var a Asked
		if err := decode(body).Into(&a); !errors.Is(err, ErrNoResult) {
			t.Errorf("%s: %v", body, err)
		}
	}
	err := decode(`{"ok":false,"err":{"msg":"access\u001b[2J\r\ndenied","id":"X"}}`).Into(&a)
	var se *ScriptError
	if !errors.As(err, &se) || err.Error() != "access [2J denied" {
		t.Errorf("%q", err)
	}
}

func TestEncodeResultIsDecoded(t *testing.T) {
	b, err := EncodeResult(testNonce, MarkResult{Run: "r1", Age: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Decode(append([]byte("noise"), b...), testNonce)
	if err != nil {
		t.Fatal(err)
	}
	var m MarkResult
	if err := r.Into(&m); err != nil || m.Run != "r1" || m.Age != 3 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestNonces(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		n := NewNonce()
		if !validNonce(n) || seen[n] {
			t.Fatalf("nonce %q", n)
		}
		seen[n] = true
	}
}

// A request is put together of parts, and is the JSON of a Request all the same.
func TestEncodeIsJSON(t *testing.T) {
	nonce := NewNonce()
	for _, s := range All() {
		for _, args := range []any{nil, map[string]string{"a": "<&>\u2028 \"\\"}} {
			line, err := Encode(s, args, nonce)
			if err != nil {
				t.Fatal(err)
			}
			raw := json.RawMessage("{}")
			if args != nil {
				raw, _ = json.Marshal(args)
			}
			want, err := json.Marshal(Request{Nonce: nonce, Name: s, Script: s.Text(), Args: raw})
			if err != nil {
				t.Fatal(err)
			}
			got, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(string(line), "\n"))
			if err != nil || string(got) != string(want) {
				t.Errorf("%s: %v\n%s\n%s", s, err, got, want)
			}
			if r, ok := takeApart(got); !ok || r.Nonce != nonce || r.Name != s || r.Script != s.Text() || string(r.Args) != string(raw) {
				t.Errorf("%s is taken apart as %+v, %v", s, r, ok)
			}
		}
	}
}

// What is taken apart without JSON is what JSON reads.
func FuzzTakeApart(f *testing.F) {
	for _, s := range []Script{Survey, Mark, JobRead} {
		line, err := Encode(s, map[string]int{"a": 1}, testNonce)
		if err != nil {
			f.Fatal(err)
		}
		body, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
		f.Add(body)
		f.Add(append(body[:len(body)-1:len(body)-1], `,"name":"x"}`...))
		f.Add(bytes.Replace(body, []byte(`"args":{`), []byte(`"args":{},"args":{`), 1))
		f.Add(bytes.Replace(body, []byte(`"args":{`), []byte(`"args": {`), 1))
		f.Add(append(body[:len(body)-1:len(body)-1], " }"...))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := takeApart(body)
		if !ok {
			return
		}
		var want Request
		if err := json.Unmarshal(body, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v\n%+v\n%+v", body, err, got, want)
		}
	})
}

// Whatever a server prints, Decode returns a result that the line proves, or ErrNoResult.
func FuzzDecode(f *testing.F) {
	good := `{"ok":true,"out":[{"asked":true}]}`
	f.Add([]byte(line(testNonce, good)))
	f.Add([]byte("noise\n" + line(testNonce, `{"ok":false,"err":{}}`)))
	f.Add([]byte(marker + testNonce + " \n"))
	f.Fuzz(func(t *testing.T, stdout []byte) {
		r, err := Decode(stdout, testNonce)
		if err != nil {
			if !errors.Is(err, ErrNoResult) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if bytes.Count(stdout, []byte(marker+testNonce+" ")) == 0 {
			t.Fatalf("a result without its line: %+v", r)
		}
		if r.OK != (r.Err == nil) {
			t.Fatalf("%+v", r)
		}
		var s SurveyResult
		if err := r.Into(&s); err == nil {
			if _, err := s.Clock(); err != nil {
				t.Fatalf("a survey without a clock: %+v", s)
			}
		}
		for _, raw := range r.Out {
			if !json.Valid(raw) {
				t.Fatalf("%q", raw)
			}
		}
	})
}

func TestSurveyCheck(t *testing.T) {
	ok := SurveyResult{Now: time.Unix(0, 0).UTC().Format("2006-01-02T15:04:05.0000000Z07:00"), Boot: "b",
		Services: []Service{{Name: "RTCSRV", State: "Running", Start: "Auto"}}}
	if err := ok.check(); err != nil {
		t.Error(err)
	}
	for i, change := range []func(*SurveyResult){
		func(r *SurveyResult) { r.Now = "soon" },
		func(r *SurveyResult) { r.Boot = "" },
		func(r *SurveyResult) { r.Services = []Service{{Name: "RTCSRV"}} },
	} {
		bad := ok
		change(&bad)
		if bad.check() == nil {
			t.Errorf("change %d passes: %+v", i, bad)
		}
	}
}

func TestSessions(t *testing.T) {
	for _, tt := range []struct {
		activity string
		n        int64
		broken   bool
		fails    bool
	}{
		{"", 0, false, false},
		{"Concurrent Calls=0", 0, false, false},
		{"Incoming Requests per Second=12,Messages in Server=3, Concurrent Calls=4", 7, false, false},
		{"Concurrent Calls=1073741823", 0, true, false},
		{"Concurrent Calls=-1", 0, true, false},
		{"Concurrent Calls", 0, false, true},
		{"Concurrent Calls=many", 0, false, true},
	} {
		n, broken, err := Service{Name: "RTCRGS", Activity: tt.activity}.Sessions()
		if n != tt.n || broken != tt.broken || (err != nil) != tt.fails {
			t.Errorf("%q: %d, %v, %v", tt.activity, n, broken, err)
		}
	}
}

func TestReadinessFailsClosed(t *testing.T) {
	for text, want := range map[string]PoolState{"Ready": StateReady, "READY": StateReady, "Busy": StateBusy,
		"InsufficientActiveFrontEnds": StateInsufficient, "": StateUnknown, "0": StateUnknown, "1": StateUnknown,
		"NotReady": StateUnknown, "Ready ": StateUnknown} {
		if got := (&ReadinessResult{State: text}).PoolState(); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string][2]bool{"True": {true, true}, "false": {false, true}, "": {false, false}, "1": {false, false}} {
		if ready, known := (Domain{Ready: text}).IsReady(); ready != want[0] || known != want[1] {
			t.Errorf("%q: %v %v", text, ready, known)
		}
	}
	if _, _, ok := (&ReadinessResult{Total: "6", Active: ""}).FrontEndCount(); ok {
		t.Error("a missing number counts")
	}
}

func TestRebooted(t *testing.T) {
	at := time.Date(2026, 11, 1, 2, 3, 4, 5, time.UTC)
	boot := func(after time.Duration) string { return at.Add(after).Format("2006-01-02T15:04:05.0000000Z") }
	mark := BootMarkResult{Boot: boot(0), Nonce: "n1"}
	for _, tt := range []struct {
		boot, nonce     string
		rebooted, known bool
	}{
		{boot(0), "n1", false, true},
		{boot(5 * time.Minute), "", true, true},
		{boot(-2 * time.Hour), "", true, true}, // a clock that was wrong before
		{boot(2 * time.Hour), "n1", false, true},
		{boot(0), "", false, false},
		{boot(3 * time.Second), "", false, false},
		{boot(-3 * time.Second), "n1", false, true},
		{boot(5 * time.Minute), "n2", true, true},
		{"soon", "", true, true},
	} {
		rebooted, known := mark.Rebooted(&SurveyResult{Boot: tt.boot, BootNonce: tt.nonce})
		if rebooted != tt.rebooted || known != tt.known {
			t.Errorf("%+v: %v %v", tt, rebooted, known)
		}
	}
}

func TestRestartUnderWay(t *testing.T) {
	for rc, want := range map[int]bool{0: true, 1190: true, 1115: true, 5: false, -1: false} {
		if got := (RestartResult{Asked: true, RC: rc}).UnderWay(); got != want {
			t.Errorf("%d: %v", rc, got)
		}
		if (RestartResult{RC: rc}).UnderWay() {
			t.Errorf("%d: under way and not asked for", rc)
		}
	}
}

func TestJobState(t *testing.T) {
	for _, tt := range []struct {
		j    JobStatus
		want JobState
	}{
		{JobStatus{Task: "none", Boot: "b"}, JobNotBegun},
		{JobStatus{Task: "ready", Boot: "b", Exists: true}, JobNotBegun},
		{JobStatus{Task: "queued", Boot: "b", Exists: true}, JobRunning},
		{JobStatus{Task: "running", Boot: "b", Exists: true}, JobRunning},
		{JobStatus{Task: "running", Boot: "b", Exists: true, Begun: true, BegunBoot: "b"}, JobRunning},
		{JobStatus{Task: "running", Boot: "b", Exists: true, Begun: true}, JobRunning},
		{JobStatus{Task: "ready", Boot: "b", Exists: true, Begun: true}, JobInterrupted},
		{JobStatus{Task: "ready", Boot: "b", Exists: true, Begun: true, BegunBoot: "b"}, JobInterrupted},
		{JobStatus{Task: "running", Boot: "b2", Exists: true, Begun: true, BegunBoot: "b"}, JobRunning}, // a clock was set
		{JobStatus{Task: "ready", Boot: "b2", Exists: true, Begun: true, BegunBoot: "b"}, JobInterrupted},
		{JobStatus{Task: "none", Boot: "b", Exists: true, Begun: true, BegunBoot: "b"}, JobInterrupted},
		{JobStatus{Task: "ready", Boot: "b2", Begun: true, BegunBoot: "b", Done: true}, JobDone},
		{JobStatus{Task: "ready", Boot: "b", Done: true}, JobCannotTell},
		{JobStatus{Task: "none", Boot: "b", Void: true}, JobNotBegun},
		{JobStatus{Task: "running", Boot: "b", Void: true}, JobNotBegun},
	} {
		if got := tt.j.State(); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.j, got, tt.want)
		}
	}
}

func TestNewJob(t *testing.T) {
	j, err := NewJob("run1-fe01-upgrade-1", Upgrade, UpgradeArgs{Path: `C:\u.exe`}, Logon{Account: "SYSTEM"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := NewJob("run1-fe01-upgrade-1", Upgrade, UpgradeArgs{Path: `C:\u.exe`}, Logon{Account: "SYSTEM"})
	if err != nil || again != j {
		t.Error("the same job differs from itself, so that it could not be found again")
	}
	r, err := j.JobRequest()
	if err != nil || r.Name != Upgrade || r.Script != Upgrade.Text() {
		t.Errorf("%+v, %v", r, err)
	}
	for _, id := range []string{"", "-x", "A", `..\x`, strings.Repeat("a", 64)} {
		if _, err := NewJob(id, Upgrade, nil, Logon{}); err == nil {
			t.Errorf("id %q is taken", id)
		}
	}
	if _, err := NewJob("x", Survey, nil, Logon{}); err == nil {
		t.Error("a survey is taken as a job")
	}
	if n := len(powershell) + len(j.Command); n > 1000 {
		t.Errorf("the task's arguments have %d characters", n)
	}
}

func TestJobPasswordIsNotPrintedBeforeItIsUsed(t *testing.T) {
	as := Logon{Account: `CONTOSO\svc`, Password: func() string { return "p4ss-never-printed" }}
	if s := fmt.Sprintf("%v %+v %#v", as, as, as); strings.Contains(s, "p4ss") {
		t.Error(s)
	}
	j, err := NewJob("x", Upgrade, nil, as)
	if err != nil || j.Password != "p4ss-never-printed" {
		t.Errorf("%v", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if strings.Contains(fmt.Sprintf(verb, j), "p4ss") {
			t.Errorf("%s shows the password", verb)
		}
	}
}

// Windows can be told to log what cmdlets get, and ConvertFrom-Json gets the whole request: the password is not in it.
func TestThePasswordIsNotInTheRequest(t *testing.T) {
	const password = "p4ss \u00e9 never-in-a-log "
	job, err := NewJob("x", Upgrade, nil, Logon{Account: `CONTOSO\svc`, Password: func() string { return password }})
	if err != nil {
		t.Fatal(err)
	}
	read := job
	read.Account = `CONTOSO\svc2`
	for name, args := range map[Script]any{JobStart: job, JobRead: JobReadArgs{JobStartArgs: read, Wait: 3}} {
		in, err := Encode(name, args, testNonce)
		if err != nil {
			t.Fatal(err)
		}
		first, second, _ := strings.Cut(string(in), "\n")
		body, err := base64.StdEncoding.DecodeString(first)
		if err != nil {
			t.Fatal(err)
		}
		for _, hidden := range []string{"p4ss", base64.StdEncoding.EncodeToString([]byte(password)), `"password"`} {
			if bytes.Contains(body, []byte(hidden)) {
				t.Errorf("%s: %q is in the request:\n%s", name, hidden, body)
			}
		}
		if got, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(second, "\n")); err != nil || string(got) != password {
			t.Errorf("%s: the second line is %q", name, second)
		}
		r, err := DecodeRequest(in)
		if err != nil || r.Secret != password || r.Name != name {
			t.Errorf("%s: decoded %v", name, err)
		}
	}
	for _, as := range []Logon{{Account: "SYSTEM"}, {Account: `CONTOSO\g$`}} {
		job, err := NewJob("x", Upgrade, nil, as)
		if err != nil {
			t.Fatal(err)
		}
		if in, err := Encode(JobStart, job, testNonce); err != nil || bytes.Count(in, []byte("\n")) != 1 {
			t.Errorf("%s: a second line without a password, or %v", as.Account, err)
		}
	}
	if _, err := DecodeRequest([]byte("e30=\nno base64!\n")); err == nil || strings.Contains(err.Error(), "no base64!") {
		t.Errorf("a second line that is not base64: %v", err)
	}
}

func TestInstallerOutcome(t *testing.T) {
	for code, want := range map[int]InstallerOutcome{0: InstallerDone, 2: InstallerReboot, 3010: InstallerReboot,
		1641: InstallerRebooting, 1: InstallerFailed, 1603: InstallerFailed, -1: InstallerFailed} {
		if got := (&UpgradeResult{Exit: &code}).Outcome(); got != want {
			t.Errorf("%d: %d, want %d", code, got, want)
		}
	}
}

func TestBackupSteady(t *testing.T) {
	text := func(s ...string) *BackupResult {
		r := &BackupResult{}
		for _, m := range s {
			r.Modules = append(r.Modules, BackupModule{Text: m})
		}
		return r
	}
	for _, tt := range []struct {
		r  *BackupResult
		ok bool
	}{
		{text("UserServices.PresenceFocus:[SteadyState,NormalState]", "CentralMgmt.CMSMaster:[NotInitialized,NormalState]"), true},
		{text("ConfServices.DataConf:[FinalState, NormalState]"), true},
		{&BackupResult{Modules: []BackupModule{{Name: "ConfServices.DataConf", Export: "SteadyState", Import: "NormalState"}}}, true},
		{text(), false},
		{text("UserServices.PresenceFocus:[NonSteadyState,NormalState]"), false},
		{text("UserServices.PresenceFocus:[SteadyState,ErrorState]"), false},
		{text("UserServices.PresenceFocus:[NotInitialized,NormalState]"), false},
		{text("UserServices.PresenceFocus"), false},
		{text("3"), false},
	} {
		if err := tt.r.Steady(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.r.Modules, err)
		}
	}
}

func TestPrimaryIsPrincipal(t *testing.T) {
	row := func(name, primary, mirror string) Database {
		return Database{Name: name, Primary: primary, Mirror: mirror}
	}
	alone := row("rtcxds", NoMirror, NoMirror)
	online, offline := UserStore{"UserDatabase:sql01", "True"}, UserStore{"UserDatabase:sql01", "False"}
	for name, c := range map[string]struct {
		rows   []Database
		stores []UserStore
		old    bool // a product without mirrors
		want   bool
	}{
		"mirrored":                      {rows: []Database{row("rtcxds", "Principal", "Mirror"), row("RtcShared", "principal", "Mirror")}, want: true},
		"on the mirror":                 {rows: []Database{row("rtcxds", "Mirror", "Principal")}, stores: []UserStore{online}},
		"one on the mirror":             {rows: []Database{row("rtcxds", "Principal", "Mirror"), row("rtcab", "Mirror", "Principal")}},
		"the primary is lost":           {rows: []Database{row("rtcxds", NoMirror, "Principal")}, stores: []UserStore{online}},
		"one is lost":                   {rows: []Database{row("rtcab", "Principal", "Mirror"), alone}, stores: []UserStore{online}},
		"no mirror":                     {rows: []Database{alone}, stores: []UserStore{online}, want: true},
		"no mirror, and lost":           {rows: []Database{alone}, stores: []UserStore{offline}},
		"no mirror, one of two is lost": {rows: []Database{alone}, stores: []UserStore{online, offline}},
		"no mirror, and not asked":      {rows: []Database{alone}},
		"only others have no mirror":    {rows: []Database{row("rtcxds", "Principal", "Mirror"), row("lcscdr", NoMirror, NoMirror)}, want: true},
		"only others are mirrored":      {rows: []Database{alone, row("lcscdr", "Principal", "Mirror")}, stores: []UserStore{online}, want: true},
		"no user store":                 {rows: []Database{row("lcscdr", "Principal", "Mirror")}, stores: []UserStore{online}},
		"no rows":                       {stores: []UserStore{online}},
		"another word":                  {rows: []Database{row("rtcxds", "Suspended", NoMirror)}, stores: []UserStore{online}},
		"another answer":                {rows: []Database{alone}, stores: []UserStore{{"UserDatabase:sql01", "1"}}},
		"a product without mirrors":     {stores: []UserStore{online}, old: true, want: true},
		"the same, lost":                {stores: []UserStore{offline}, old: true},
		"the same, not asked":           {old: true},
	} {
		r := &MirrorResult{Databases: c.rows, Stores: c.stores, Mirroring: !c.old}
		if got := r.PrimaryIsPrincipal(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPoolFactsFailClosed(t *testing.T) {
	for state, want := range map[string][2]bool{"FailedOver": {true, true}, "Active": {false, true}, "FailedBack": {false, true},
		"FailingOver": {false, false}, "2": {false, false}} {
		if over, known := (RegistrarResult{State: state}).FailedOver(); over != want[0] || known != want[1] {
			t.Errorf("%s: %v %v", state, over, known)
		}
	}
	edges := &EdgeResult{Edges: []EdgePool{{Pool: "edge1", NextHop: "Pool01.contoso.com"}, {Pool: "edge2", NextHop: "pool02"}}}
	if got, err := edges.NextHopOf("pool01.contoso.com"); err != nil || len(got) != 1 || got[0] != "edge1" {
		t.Errorf("%v %v", got, err)
	}
	edges.Edges = append(edges.Edges, EdgePool{Pool: "edge3"})
	if _, err := edges.NextHopOf("x"); err == nil {
		t.Error("an unknown next hop passes")
	}
	cms := &CMSResult{Master: "fe01", Stores: []Store{{"pool01", "True"}, {"pool02", "False"}}}
	if p, err := cms.ActivePool(); err != nil || p != "pool01" {
		t.Errorf("%q %v", p, err)
	}
	cms.Stores[1].Active = "True"
	if _, err := cms.ActivePool(); err == nil {
		t.Error("two active stores pass")
	}
	for body, want := range map[string]struct {
		state, sql bool   // told
		script     string // what the registrar's script says of its failure
	}{
		`{"registrar":{"told":{"state":"Active"},"error":""},"mirror":{"told":{"mirroring":true},"error":""}}`: {state: true, sql: true},
		`{"registrar":{"told":null,"error":"no"},"mirror":{"told":{"mirroring":true},"error":""}}`:             {sql: true, script: "no"},
		`{"registrar":{"told":{"state":"Active"},"error":""},"mirror":{"told":null,"error":"no"}}`:             {state: true},
		`{"registrar":{"told":{"state":"Active"},"error":"no"},"mirror":{"told":{},"error":"no"}}`:             {script: "no"},
		`{"registrar":{"told":null,"error":"no"},"mirror":{"told":null,"error":"no"}}`:                         {script: "no"},
		`{"registrar":{"told":null,"error":""},"mirror":{"told":null,"error":""}}`:                             {},
		`{"registrar":{"told":{"state":""},"error":""},"mirror":{"told":{"databases":3},"error":""}}`:          {},
		`{"registrar":{"told":"Active"},"mirror":{"told":[{"mirroring":true}]}}`:                               {},
		`{}`: {},
	} {
		r, err := Decode([]byte(line(testNonce, `{"ok":true,"out":[`+body+`]}`)), testNonce)
		if err != nil {
			t.Fatal(err)
		}
		var both PoolFactsResult
		if err := r.Into(&both); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		errState, errSQL := both.Registrar.Into(&RegistrarResult{}), both.Mirror.Into(&MirrorResult{})
		if (errState == nil) != want.state || (errSQL == nil) != want.sql {
			t.Errorf("%s: %v, %v", body, errState, errSQL)
		}
		var said *ScriptError
		if errors.As(errState, &said) != (want.script != "") || said != nil && said.Msg != want.script {
			t.Errorf("%s: %v", body, errState)
		}
		if errState != nil && said == nil && !errors.Is(errState, ErrNoResult) {
			t.Errorf("%s: %v", body, errState)
		}
	}
}
