package main

import (
	"os"
	"runtime/debug"
)

// roomyHeap is GOGC for commands that talk to servers or act them out. What lives in them is two or three megabytes, and
// every message leaves some ten kilobytes behind: by the default the collector would go over it at every fourth megabyte.
// With this it is at every eighth, and the heap is never more than three times what lives. More room would cost the pages.
const roomyHeap = 200

// collectLess gives the heap room, unless the environment says how much it is to have.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(roomyHeap)
	}
}
