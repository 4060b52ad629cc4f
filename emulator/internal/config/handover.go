package config

import "strings"

// OnLambda tells whether this is the real Lambda, or another emulator: whoever
// has set AWS_LAMBDA_RUNTIME_API serves it too.
func OnLambda(env Environ) bool { return env["AWS_LAMBDA_RUNTIME_API"] != "" }

// Handover returns what to run in place of the emulator: the bootstrap, its
// arguments and environment.
func Handover(args []string, env Environ) (path string, argv, environment []string, err error) {
	c := &Config{env: env}
	positional, err := c.flags(args)
	if err != nil {
		return "", nil, nil, err
	}
	if len(positional) > 0 {
		c.Handler = positional[0]
	} else {
		c.Handler = env["_HANDLER"]
	}
	if path, err = c.Bootstrap(); err != nil {
		return "", nil, nil, err
	}
	for name, value := range env {
		if name != "_HANDLER" && !strings.HasPrefix(name, "DOCKER_LAMBDA_") {
			environment = append(environment, name+"="+value)
		}
	}
	environment = append(environment, "_HANDLER="+c.Handler)
	return path, append([]string{path}, c.BootstrapArgs...), environment, nil
}
