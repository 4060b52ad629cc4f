package sandbox

import (
	"time"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/logs"
	"lambda-factory/emulator/internal/report"
)

// say tells of an event: to the log, as text or, if the format is JSON and the
// level high enough, as the event itself; and to telemetry.
func (s *Sandbox) say(level logs.Level, kind, text string, content func() any) {
	s.journal.Event(level, kind, text, content)
	s.bus.Emit(kind, content)
}

// levelOf is that of events which tell how something ended. [d]
func levelOf(status string, ok logs.Level) logs.Level {
	if status != "success" {
		return logs.Warn
	}
	return ok
}

func (s *Sandbox) announce(name string, events []string, state string) {
	s.say(logs.Debug, "platform.extension", "", func() any {
		return map[string]any{"name": name, "state": state, "events": events}
	})
}

func (s *Sandbox) sayInitStart() {
	s.say(logs.Info, "platform.initStart", "", func() any {
		return map[string]any{
			"initializationType": s.spec.InitType, "phase": "init",
			"functionName": s.spec.Function.Name, "functionVersion": s.spec.Function.Version,
		}
	})
}

func (s *Sandbox) sayInitRuntimeDone(status string) {
	s.say(levelOf(status, logs.Debug), "platform.initRuntimeDone", "", func() any {
		return map[string]any{"initializationType": s.spec.InitType, "phase": "init", "status": status}
	})
}

func (s *Sandbox) sayInitEnd() {
	status, errorType, text := "success", "", ""
	switch o := s.initOutcome; {
	case o.stopped:
		return
	case o.timeout:
		status = "timeout"
	case o.failure != nil:
		status, errorType = "error", o.failure.Type
	case o.result != nil:
		status, errorType = "error", o.result.ErrorType
	case o.start != nil:
		status, errorType = "error", "Runtime.InvalidEntrypoint"
	case o.failed:
		status, errorType = "error", "Runtime.ExitError"
	}
	if status != "success" {
		text = report.InitEnd(s.initTook, status, errorType)
	}
	s.say(levelOf(status, logs.Debug), "platform.initReport", text, func() any {
		return record{
			"initializationType": s.spec.InitType, "phase": "init", "status": status,
			"metrics": record{"durationMs": millis(s.initTook)},
		}.with("errorType", errorType)
	})
}

// record is the content of an event.
type record map[string]any

// with adds what is not always there.
func (r record) with(key, value string) record {
	if value != "" {
		r[key] = value
	}
	return r
}

func millis(d time.Duration) float64 {
	return float64(d.Microseconds()/10) / 100
}

func tracing(inv *lambda.Invocation) record {
	return record{"type": "X-Amzn-Trace-Id", "value": inv.TraceID}
}

func (s *Sandbox) sayStart(inv *lambda.Invocation) {
	version := s.spec.Function.Version
	s.say(logs.Info, "platform.start", report.Start(inv.ID, version), func() any {
		return record{"requestId": inv.ID, "version": version, "tracing": tracing(inv)}
	})
}

// sayEnd tells how an invocation ended, in the words of both telemetry APIs.
func (s *Sandbox) sayEnd(inv *lambda.Invocation, u report.Usage, produced int) {
	status := u.Status
	if status == "" {
		status = "success"
	}
	s.say(levelOf(status, logs.Debug), "platform.runtimeDone", "", func() any {
		return record{
			"requestId": inv.ID, "status": status, "tracing": tracing(inv),
			"metrics": record{"durationMs": millis(u.Duration), "producedBytes": produced},
		}.with("errorType", u.ErrorType)
	})
	s.bus.Emit("platform.end", func() any { return record{"requestId": inv.ID} })
	s.say(levelOf(status, logs.Info), "platform.report", report.End(inv.ID, u), func() any {
		metrics := record{
			"durationMs": millis(u.Duration), "billedDurationMs": report.Billed(u),
			"memorySizeMB": u.MemorySize, "maxMemoryUsedMB": u.MaxMemory,
		}
		if u.Init > 0 {
			metrics["initDurationMs"] = millis(u.Init)
		}
		return record{"requestId": inv.ID, "status": status, "metrics": metrics, "tracing": tracing(inv)}.
			with("errorType", u.ErrorType)
	})
}
