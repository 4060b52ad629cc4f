package config

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hidden are the variables that speak to the emulator or belong to the
// container; a function on Lambda does not see them. [aws] The _LAMBDA_* ones
// were file descriptors of a sandbox that is long gone.
var hidden = []string{
	"AWS_LAMBDA_CLIENT_CONTEXT", "AWS_LAMBDA_COGNITO_IDENTITY", "AWS_LAMBDA_EVENT_BODY",
	"AWS_LAMBDA_FUNCTION_HANDLER", "AWS_LAMBDA_FUNCTION_INVOKED_ARN", "AWS_LAMBDA_FUNCTION_TIMEOUT",
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SECURITY_TOKEN", "AWS_ACCOUNT_ID", "_X_AMZN_TRACE_ID",
	"_LAMBDA_CONSOLE_SOCKET", "_LAMBDA_CONTROL_SOCKET", "_LAMBDA_LOG_FD", "_LAMBDA_RUNTIME_LOAD_TIME",
	"_LAMBDA_SB_ID", "_LAMBDA_SHARED_MEM_FD",
}

// RuntimeEnviron returns the environment of the runtime process: what Lambda
// sets, and the variables that the user gave the container for the function.
func (c *Config) RuntimeEnviron(runtimeAPI string) []string {
	env := Environ{}
	for name, value := range c.env {
		if value != "" && !c.hides(name, value) {
			env[name] = value
		}
	}
	c.setFunction(env)
	setSystem(env)
	env["AWS_LAMBDA_RUNTIME_API"] = runtimeAPI
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// withheld are the variables that extensions do not get. [d]
var withheld = []string{
	"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING",
	"AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_AWS_XRAY_DAEMON_ADDRESS",
	"_AWS_XRAY_DAEMON_PORT", "_HANDLER",
}

// ExtensionEnviron returns the environment of extensions.
func (c *Config) ExtensionEnviron(runtimeAPI string) []string {
	return slices.DeleteFunc(c.RuntimeEnviron(runtimeAPI), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(withheld, name)
	})
}

// InitType is how the sandbox came to be, as the runtime is told.
func (c *Config) InitType() string { return cmp.Or(c.env["AWS_LAMBDA_INITIALIZATION_TYPE"], onDemand) }

const onDemand = "on-demand"

func (c *Config) hides(name, value string) bool {
	switch name {
	case "HOME": // set by the container engine, unless the user chose another
		return value == passwdHome()
	case "HOSTNAME":
		host, err := os.Hostname()
		return err == nil && value == host
	case "TERM":
		return value == "xterm"
	}
	return strings.HasPrefix(name, "DOCKER_LAMBDA_") || slices.Contains(hidden, name)
}

func (c *Config) setFunction(env Environ) {
	credentials := map[string]string{
		"AWS_ACCESS_KEY_ID":     cmp.Or(c.env["AWS_ACCESS_KEY"], c.env["AWS_ACCESS_KEY_ID"]),
		"AWS_SECRET_ACCESS_KEY": cmp.Or(c.env["AWS_SECRET_KEY"], c.env["AWS_SECRET_ACCESS_KEY"]),
		"AWS_SESSION_TOKEN":     cmp.Or(c.env["AWS_SESSION_TOKEN"], c.env["AWS_SECURITY_TOKEN"]),
	}
	for name, value := range credentials {
		if value != "" {
			env[name] = value
		}
	}
	if c.Handler != "" {
		env["_HANDLER"] = c.Handler
	}
	env["AWS_REGION"], env["AWS_DEFAULT_REGION"] = c.Region, c.Region
	env["AWS_LAMBDA_FUNCTION_NAME"] = c.Name
	env["AWS_LAMBDA_FUNCTION_VERSION"] = c.Version
	env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = strconv.Itoa(c.MemorySize)
	env["AWS_LAMBDA_LOG_GROUP_NAME"] = cmp.Or(c.env["AWS_LAMBDA_LOG_GROUP_NAME"], "/aws/lambda/"+c.Name)
	env["AWS_LAMBDA_LOG_STREAM_NAME"] = cmp.Or(c.env["AWS_LAMBDA_LOG_STREAM_NAME"], logStream(c.Version))
}

// setSystem adds what the image has left out. [aws]
func setSystem(env Environ) {
	defaults := map[string]string{
		"AWS_LAMBDA_INITIALIZATION_TYPE": onDemand,
		"AWS_XRAY_CONTEXT_MISSING":       "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":        "169.254.79.2:2000",
		"_AWS_XRAY_DAEMON_ADDRESS":       "169.254.79.2",
		"_AWS_XRAY_DAEMON_PORT":          "2000",
		"LAMBDA_RUNTIME_DIR":             "/var/runtime",
		"LAMBDA_TASK_ROOT":               "/var/task",
		"LANG":                           "en_US.UTF-8",
		"PATH":                           "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TZ":                             ":UTC",
	}
	for name, value := range defaults {
		if env[name] == "" {
			env[name] = value
		}
	}
}

func logStream(version string) string {
	var raw [16]byte
	rand.Read(raw[:])
	return time.Now().UTC().Format("2006/01/02") + "/[" + version + "]" + hex.EncodeToString(raw[:])
}

// passwdHome is the home that a container engine puts into HOME: that of the
// user in /etc/passwd, or the root directory.
func passwdHome() string {
	file, err := os.Open("/etc/passwd")
	if err != nil {
		return "/"
	}
	defer file.Close()
	uid := strconv.Itoa(os.Getuid())
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Split(lines.Text(), ":"); len(fields) > 5 && fields[2] == uid {
			return fields[5]
		}
	}
	return "/"
}
