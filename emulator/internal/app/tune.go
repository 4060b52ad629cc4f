package app

import (
	"runtime"
	"runtime/debug"

	"lambda-factory/emulator/internal/config"
)

// garbagePercent is how much the heap may grow between collections. An
// emulator lives beside the function whose memory is scarce.
const garbagePercent = 80

// tune fits the Go runtime to a relay. An invocation is never in two places at
// once, so a thread more than there are invocations would only have to be woken
// at each of its steps: that is most of what a hop costs.
func tune(c *config.Config) {
	runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), c.Concurrency*c.Width))
	debug.SetGCPercent(garbagePercent)
}
