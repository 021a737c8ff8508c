// Package transport runs command lines on one Windows server over WS-Management, or on this machine.
//
// It is the client half of WinRS ([MS-WSMV]): [Session] keeps one shell open on a server and runs commands in it,
// [Local] runs them as child processes, and both are a [Runner]. Messages are built with
// github.com/masterzen/winrm; its own transports are never used, because they turn a fault into an endless loop
// and ignore deadlines. [Transporter] is ours, plugged into that library's extension point.
//
// The laws of the package:
//
//   - A context ends a call at its deadline, whatever the server does. What must still be cleaned up is cleaned up
//     in the background, and Close waits for it.
//   - An error says what is known about the command: [NotBegun] (safe to send again) or [InDoubt] (it may have
//     run). Nothing here repeats a command that is in doubt.
//   - A password that was never accepted is tried once. See [Credential].
//   - No secret is in any error, and none is printed by any %v.
//   - Everything a server sends is bounded: headers, body, depth, output.
//
// Only package winrm and its tests import it. It imports nothing of ours.
package transport
