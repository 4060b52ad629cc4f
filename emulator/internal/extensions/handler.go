package extensions

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/refusal"
)

// Prefix begins every path of this API.
const Prefix = "/2020-01-01/extension/"

const maxBody = 256 << 10

// Header keys.
const (
	keyName      = "Lambda-Extension-Name"
	keyID        = "Lambda-Extension-Identifier"
	keyEventID   = "Lambda-Extension-Event-Identifier"
	keyFeatures  = "Lambda-Extension-Accept-Feature"
	keyErrorType = "Lambda-Extension-Function-Error-Type"
)

// ServeHTTP answers one request of an extension.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	routes := map[string]struct {
		method string
		serve  func(http.ResponseWriter, *http.Request) error
	}{
		"register":   {http.MethodPost, r.register},
		"event/next": {http.MethodGet, r.next},
		"init/error": {http.MethodPost, r.initError},
		"exit/error": {http.MethodPost, r.exitError},
	}
	route, found := routes[strings.TrimPrefix(request.URL.Path, Prefix)]
	err := error(refusal.NotFound)
	switch {
	case found && request.Method == route.method:
		request.Body = http.MaxBytesReader(w, request.Body, maxBody)
		err = route.serve(w, request)
	case found:
		w.Header().Set("Allow", route.method)
		err = refusal.Method
	}
	if err != nil {
		refusal.Write(w, err)
	}
}

func forbidden(kind, format string, args ...any) error {
	return refusal.New(http.StatusForbidden, kind, format, args...)
}

func (r *Registry) register(w http.ResponseWriter, request *http.Request) error {
	name := request.Header.Get(keyName)
	if name == "" {
		return forbidden("Extension.InvalidExtensionName", "Empty extension name")
	}
	var body struct {
		Events            []string `json:"events"`
		ConfigurationKeys []string `json:"configurationKeys"`
	}
	if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
		return forbidden("InvalidRequestFormat", "%v", err)
	}
	if len(body.ConfigurationKeys) > 0 {
		return forbidden("InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead")
	}
	e, err := r.admit(name, body.Events)
	if err != nil {
		return err
	}
	r.announce(name, body.Events, "Ready")
	answer := map[string]string{
		"functionName": r.function.Name, "functionVersion": r.function.Version, "handler": r.function.Handler,
	}
	if strings.Contains(request.Header.Get(keyFeatures), "accountId") {
		answer["accountId"] = r.function.Account
	}
	w.Header().Set(keyID, e.id)
	write(w, http.StatusOK, answer)
	return nil
}

// admit registers an extension: one that was expected, or an internal one.
func (r *Registry) admit(name string, events []string) (*extension, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, expected := r.byName[name]
	external := expected && e.external
	for _, event := range events {
		if event != invoke && (event != shutdown || !external) {
			return nil, forbidden("Extension.InvalidEventType", "%s: invalid event type", event)
		}
	}
	switch {
	case expected && e.state != started:
		return nil, refusal.Transition("Extension.InvalidExtensionState", e.state, registered, "extension "+name)
	case expected:
		if r.missing--; r.missing == 0 {
			close(r.registered)
		}
	case r.closed:
		return nil, forbidden("Extension.RegistrationClosed", "Extension registration closed already")
	case len(r.byName) >= maxExtensions:
		return nil, forbidden("Extension.TooManyExtensions", "Extension limit (%d) reached", maxExtensions)
	default:
		e = &extension{name: name}
		r.insert(e)
		r.work(1)
	}
	e.state, e.events = registered, slices.Clone(events)
	return e, nil
}

// next gives the extension its next event; that it asks for it says that it is
// done with the last one.
func (r *Registry) next(w http.ResponseWriter, request *http.Request) error {
	e, err := r.await(request.Header.Get(keyID))
	if err != nil {
		return err
	}
	select {
	case event := <-e.inbox:
		w.Header().Set(keyEventID, lambda.NewID())
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(event)
		return nil
	case <-request.Context().Done():
	case <-r.ended:
	}
	panic(http.ErrAbortHandler) // close the connection: any answer would be an event
}

func (r *Registry) await(id string) (*extension, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.find(id)
	if err != nil {
		return nil, err
	}
	if e.state != registered && e.state != running && e.state != ready {
		return nil, refusal.Transition("Extension.InvalidExtensionState", e.state, ready, "extension "+id)
	}
	if e.state != ready && len(e.inbox) == 0 { // else its event was not fetched: it is still due
		e.state = ready
		r.work(-1)
	}
	return e, nil
}

func (r *Registry) initError(w http.ResponseWriter, request *http.Request) error {
	return r.giveUp(w, request, failedInit, "Extension.InitError", registered)
}

func (r *Registry) exitError(w http.ResponseWriter, request *http.Request) error {
	return r.giveUp(w, request, failedExit, "Extension.ExitError", registered, ready, running)
}

// giveUp notes that an extension says it cannot go on.
func (r *Registry) giveUp(w http.ResponseWriter, request *http.Request, state, kind string, from ...string) error {
	errorType := request.Header.Get(keyErrorType)
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.find(request.Header.Get(keyID))
	switch {
	case err != nil:
		return err
	case errorType == "":
		return forbidden("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type header is not found")
	case !slices.Contains(from, e.state):
		return refusal.Transition("Extension.InvalidExtensionState", e.state, state, "extension "+e.name)
	}
	e.state = state
	r.Fail(lambda.Failure{Type: kind, Message: "extension " + e.name + ": " + errorType})
	write(w, http.StatusAccepted, map[string]string{"status": "OK"})
	return nil
}

func write(w http.ResponseWriter, status int, content map[string]string) {
	body, err := json.Marshal(content)
	if err != nil {
		panic(err) // strings always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
