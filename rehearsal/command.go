package rehearsal

import (
	"context"
	"fmt"

	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/wsman"
)

// Run acts out a command line; it makes a server a wsman.Handler.
func (s *server) Run(ctx context.Context, cmd *wsman.Command) int {
	if cmd.CommandLine == scripts.CommandLine() {
		return s.script(ctx, cmd)
	}
	_, _ = fmt.Fprintf(cmd.Stderr, "unknown command\r\n")
	return exitFailed
}
