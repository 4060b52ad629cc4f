package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"lambda-factory/emulator/internal/refusal"
)

// Paths of the two APIs.
const (
	TelemetryPath = "/2022-07-01/telemetry"
	LogsPath      = "/2020-08-15/logs"
)

const maxBody = 64 << 10

// Handler takes subscriptions to a bus.
type Handler struct {
	bus *Bus
	// name identifies the extension that a request comes from.
	name func(id string) (string, error)
}

// NewHandler serves both APIs for the extensions that name knows.
func NewHandler(b *Bus, name func(id string) (string, error)) *Handler {
	return &Handler{bus: b, name: name}
}

// request is the body of a subscription.
type request struct {
	SchemaVersion string     `json:"schemaVersion"`
	Types         []string   `json:"types"`
	Buffering     *buffering `json:"buffering"`
	Destination   struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     int    `json:"port"`
	} `json:"destination"`
}

// Schema versions. [d]
var (
	telemetrySchemas = []string{"2022-07-01", "2022-12-13", "2025-01-29"}
	logsSchemas      = []string{"2020-08-15", "2021-03-18"}
)

// ServeHTTP takes one subscription.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		w.Header().Set("Allow", http.MethodPut)
		refusal.Write(w, refusal.Method)
		return
	}
	if err := h.subscribe(w, r); err != nil {
		refusal.Write(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `"OK"`)
}

func (h *Handler) subscribe(w http.ResponseWriter, r *http.Request) error {
	name, err := h.name(r.Header.Get("Lambda-Extension-Identifier"))
	if err != nil {
		return err
	}
	logsAPI := r.URL.Path == LogsPath
	var body request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
		return invalid("the body is not a subscription: %v", err)
	}
	s, err := read(body, logsAPI)
	if err != nil {
		return err
	}
	if !h.bus.subscribe(s) {
		kind := "Telemetry.Closed"
		if logsAPI {
			kind = "Logs.Closed"
		}
		return refusal.New(http.StatusForbidden, kind, "subscriptions are closed once the init phase is over")
	}
	kind := "platform.telemetrySubscription"
	if logsAPI {
		kind = "platform.logsSubscription"
	}
	h.bus.Emit(kind, func() any { return map[string]any{"name": name, "state": "Subscribed", "types": body.Types} })
	return nil
}

func invalid(format string, args ...any) error {
	return refusal.New(http.StatusBadRequest, "ValidationError", format, args...)
}

// read checks a subscription.
func read(body request, logsAPI bool) (*subscription, error) {
	schemas := telemetrySchemas
	if logsAPI {
		schemas = logsSchemas
	}
	if body.SchemaVersion != "" && !slices.Contains(schemas, body.SchemaVersion) || body.SchemaVersion == "" && !logsAPI {
		return nil, invalid("schemaVersion must be one of %v", schemas)
	}
	if len(body.Types) == 0 {
		return nil, invalid("types must name at least one of platform, function, extension")
	}
	for _, kind := range body.Types {
		if kind != "platform" && kind != "function" && kind != "extension" {
			return nil, invalid("types must be of platform, function, extension, not %q", kind)
		}
	}
	limits, err := readBuffering(body.Buffering)
	if err != nil {
		return nil, err
	}
	send, err := sender(body)
	return &subscription{
		types: body.Types, logsAPI: logsAPI, limits: limits, send: send,
		closing: make(chan struct{}), wake: make(chan struct{}, 1), flush: make(chan chan struct{}),
	}, err
}

// readBuffering checks the limits of a batch. [d]
func readBuffering(b *buffering) (buffering, error) {
	limits := buffering{MaxItems: 10000, MaxBytes: 256 << 10, TimeoutMs: 1000}
	if b == nil {
		return limits, nil
	}
	for _, limit := range []struct {
		name        string
		given       int
		least, most int
		to          *int
	}{
		{"maxItems", b.MaxItems, 1000, 10000, &limits.MaxItems},
		{"maxBytes", b.MaxBytes, 256 << 10, 1 << 20, &limits.MaxBytes},
		{"timeoutMs", b.TimeoutMs, 25, 30000, &limits.TimeoutMs},
	} {
		switch {
		case limit.given == 0: // not given
		case limit.given < limit.least || limit.given > limit.most:
			return limits, invalid("buffering.%s must be from %d to %d", limit.name, limit.least, limit.most)
		default:
			*limit.to = limit.given
		}
	}
	return limits, nil
}

func sender(body request) (func(context.Context, [][]byte) error, error) {
	switch to := body.Destination; to.Protocol {
	case "HTTP":
		address, err := url.Parse(to.URI)
		if err != nil || address.Scheme != "http" || address.Host == "" {
			return nil, invalid("destination.URI must be an http URL, not %q", to.URI)
		}
		return byHTTP(address), nil
	case "TCP":
		if to.Port < 1 || to.Port > 65535 {
			return nil, invalid("destination.port must be from 1 to 65535")
		}
		return byTCP(net.JoinHostPort("127.0.0.1", strconv.Itoa(to.Port))), nil
	}
	return nil, invalid("destination.protocol must be HTTP or TCP")
}
