// Package scripts holds the PowerShell that lrun runs on servers, and the envelope that it travels in.
//
// Every call is the same command line, [CommandLine]. Its stdin is one request: base64 of JSON with a nonce, the text
// of a script and its arguments. Its answer is one line "LRUN1 nonce base64", and nothing else counts: without
// exactly one such line the outcome is unknown ([ErrNoResult]), whatever the exit code says.
//
//	nonce := scripts.NewNonce()
//	stdin, err := scripts.Encode(scripts.Readiness, nil, nonce)
//	res, err := runner.Run(ctx, scripts.CommandLine(), stdin)
//	out, err := scripts.Decode(res.Stdout, nonce)
//	var r scripts.ReadinessResult
//	err = out.Into(&r)
//
// The laws of the package:
//
//   - A script's text is constant. Values reach it as the fields of $a, never as text.
//   - PowerShell 3.0 and the cmdlets of Windows Server 2008 R2 suffice.
//   - A script returns one flat table of texts, numbers and booleans. Enums are turned into text on the server.
//   - What was not found is empty, and empty never means ready, steady or done.
//   - Long work is a job ([JobStart], [JobPoll], [JobVoid], [JobRemove]): started once however often it is asked for, found
//     again after a break, and said not to have begun only where it was withdrawn.
//   - What would disturb the job of another run is refused on the server itself: marks die before an installer ends.
//
// The files are in ps/. A line "# include: lib-cs" stands for the file of that name; no script includes a file twice.
// A line "# encoded: versions" sets $lrunVersions to that script as -EncodedCommand takes it.
//
// Package winrm and its simulated servers import it. It imports nothing of ours.
package scripts
