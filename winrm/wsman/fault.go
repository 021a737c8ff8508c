package wsman

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Codes of WSManFault, as wsmerror.h and winerror.h name them.
const (
	CodeAccessDenied      = 5          // ERROR_ACCESS_DENIED
	CodeBusy              = 170        // ERROR_BUSY: the input of the last Send has not been read yet
	CodePipeClosed        = 232        // ERROR_NO_DATA: the command has ended or closed its input
	CodeAborted           = 995        // ERROR_OPERATION_ABORTED: the shell or command went away during the operation
	CodeNotAllowed        = 2147942405 // E_ACCESSDENIED inside the provider
	CodeCommandTooLong    = 2147942606 // ERROR_FILENAME_EXCED_RANGE as an HRESULT
	CodeGoingDown         = 2147943418 // "marked for deletion", seen while Windows shuts down
	CodeAction            = 2150858771 // ERROR_WSMAN_ACTION_NOT_SUPPORTED
	CodeMissingHeader     = 2150858769 // ERROR_WSMAN_MESSAGE_INFORMATION_HEADER_REQUIRED
	CodeOperationTimeout  = 2150858793 // ERROR_WSMAN_OPERATION_TIMEDOUT
	CodeResourceURI       = 2150858811 // ERROR_WSMAN_INVALID_RESOURCE_URI
	CodeSchema            = 2150858817 // ERROR_WSMAN_SCHEMA_VALIDATION_ERROR
	CodeEncodingLimit     = 2150858824 // ERROR_WSMAN_MAX_ENVELOPE_SIZE_EXCEEDED
	CodeShellNotFound     = 2150858843 // ERROR_WSMAN_UNEXPECTED_SELECTORS
	CodeTooManyShells     = 2150859173 // the user's quota of shells
	CodeTooManyOperations = 2150859174 // the user's quota of operations
	CodeTooManyProcesses  = 2150859241 // ERROR_WSMAN_QUOTA_MAX_COMMANDS_PER_SHELL_PPQ
	CodeShellExists       = 2150859223 // ERROR_WINRS_SHELL_CLIENTID_RESOURCE_CONFLICT
	CodeCommandExists     = 2150859222 // ERROR_WINRS_SHELLCOMMAND_CLIENTID_RESOURCE_CONFLICT
)

// SOAPFault is an answer that says no. Sender faults blame the request, Receiver faults the server.
type SOAPFault struct {
	Status  int    // HTTP status; 0 means 500
	Sender  bool   // s:Sender, otherwise s:Receiver
	Subcode string // with its prefix, such as w:TimedOut
	Code    uint32 // of WSManFault
	Text    string
}

func (f *SOAPFault) Error() string {
	return fmt.Sprintf("%s (%d): %s", f.Subcode, f.Code, f.Text)
}

func (f *SOAPFault) status() int {
	if f.Status == 0 {
		return http.StatusInternalServerError
	}
	return f.Status
}

// FaultOperationTimeout says that nothing happened within OperationTimeout; a client asks again. Clients look for that
// word in the text.
func FaultOperationTimeout() *SOAPFault {
	return &SOAPFault{Subcode: "w:TimedOut", Code: CodeOperationTimeout,
		Text: "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."}
}

// FaultShellNotFound is what every message to a shell gets after the server was restarted.
func FaultShellNotFound(id string) *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "w:InvalidSelectors", Code: CodeShellNotFound,
		Text: "The request for the Windows Remote Shell with ShellId " + id + " failed because the shell was not found on the server. " +
			"Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. " +
			"Provide the correct ShellId or create a new shell and retry the operation."}
}

// FaultTooManyShells is the quota MaxShellsPerUser.
func FaultTooManyShells(limit int) *SOAPFault {
	return &SOAPFault{Subcode: "w:QuotaLimit", Code: CodeTooManyShells,
		Text: "The WS-Management service cannot process the request. This user is allowed a maximum number of " + strconv.Itoa(limit) +
			" concurrent shells, which has been exceeded. Close existing shells or raise the quota for this user."}
}

// FaultTooManyOperations is the quota MaxConcurrentOperationsPerUser.
func FaultTooManyOperations(limit int) *SOAPFault {
	return &SOAPFault{Subcode: "w:QuotaLimit", Code: CodeTooManyOperations,
		Text: "The WS-Management service cannot process the request. The maximum number of concurrent operations for this user has been exceeded: " +
			strconv.Itoa(limit) + ". Close existing operations for this user, or raise the quota for this user."}
}

// FaultTooManyProcesses is the quota MaxProcessesPerShell.
func FaultTooManyProcesses(limit int) *SOAPFault {
	return &SOAPFault{Subcode: "w:QuotaLimit", Code: CodeTooManyProcesses,
		Text: "The WS-Management service cannot process the request. The maximum number of processes of this shell has been exceeded: " +
			strconv.Itoa(limit) + "."}
}

// FaultAccessDenied is a refusal of the service itself.
func FaultAccessDenied() *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "w:AccessDenied", Code: CodeAccessDenied, Text: "Access is denied."}
}

// FaultProviderDenied is a refusal inside the shell provider: a logon that is good but not allowed to do this.
func FaultProviderDenied() *SOAPFault {
	return &SOAPFault{Subcode: "w:InternalError", Code: CodeNotAllowed, Text: "Access is denied."}
}

// FaultBusy says that a Send came before the input of the one before it was read.
func FaultBusy() *SOAPFault {
	return &SOAPFault{Subcode: "w:InternalError", Code: CodeBusy, Text: "The requested resource is in use."}
}

// FaultGoingDown is what a server says while it shuts down.
func FaultGoingDown() *SOAPFault {
	return &SOAPFault{Subcode: "w:InternalError", Code: CodeGoingDown,
		Text: "Illegal operation attempted on a registry key that has been marked for deletion."}
}

func faultPipeClosed() *SOAPFault {
	return &SOAPFault{Subcode: "w:InternalError", Code: CodePipeClosed, Text: "The pipe is being closed."}
}

func faultAborted() *SOAPFault {
	return &SOAPFault{Subcode: "w:InternalError", Code: CodeAborted,
		Text: "The I/O operation has been aborted because of either a thread exit or an application request."}
}

func faultCommandTooLong() *SOAPFault {
	return &SOAPFault{Subcode: "w:InternalError", Code: CodeCommandTooLong, Text: "The filename or extension is too long."}
}

func faultSchema(text string) *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "w:SchemaValidationError", Code: CodeSchema, Text: text}
}

func faultHeader(text string) *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "a:MessageInformationHeaderRequired", Code: CodeMissingHeader, Text: text}
}

func faultVersion() *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "w:SchemaValidationError", Code: CodeSchema,
		Text: "The request is not a SOAP 1.2 envelope."}
}

func faultAction(uri string) *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "a:ActionNotSupported", Code: CodeAction,
		Text: "The action is not supported by the service: " + uri}
}

func faultResource(uri string) *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "a:DestinationUnreachable", Code: CodeResourceURI,
		Text: "The service cannot find the resource identified by the resource URI: " + uri}
}

func faultEncodingLimit(limit int) *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "w:EncodingLimit", Code: CodeEncodingLimit,
		Text: "The size of the request exceeds the configured MaxEnvelopeSize of " + strconv.Itoa(limit) + " bytes."}
}

func faultCommandExists(id string) *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "w:AlreadyExists", Code: CodeCommandExists,
		Text: "The shell already has a command with the CommandId " + id + "."}
}

func faultShellExists(id string) *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "w:AlreadyExists", Code: CodeShellExists,
		Text: "The server already has a shell with the ShellId " + id + "."}
}

func faultCommandNotFound(id string) *SOAPFault {
	return &SOAPFault{Sender: true, Subcode: "w:InvalidSelectors", Code: CodeShellNotFound,
		Text: "The request for the Windows Remote Shell failed because the command " + id + " was not found in the shell."}
}

// printable keeps a text from the client fit for a log or a fault: one line, no control characters, not endless.
func printable(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd || r == 0xfffe || r == 0xffff {
			return '?'
		}
		return r
	}, s)
}
