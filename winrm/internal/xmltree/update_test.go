package xmltree

import _ "github.com/lrun/lrun/internal/golden" // knows -update, so that `go test ./... -update` passes here
