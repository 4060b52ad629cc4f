package config

import (
	"flag"
	"io"
	"net"
	"os/exec"
)

// RIEName is the name under which the emulator takes the place of AWS's.
const RIEName = "aws-lambda-rie"

// LoadRIE reads the arguments of aws-lambda-rie: its flags, then the command of
// the runtime, whose last argument is the handler.
func LoadRIE(args []string, env Environ) (*Config, error) {
	c := &Config{env: env, StayOpen: true, LogToStdout: true, Event: []byte("{}")}
	flags := flag.NewFlagSet(RIEName, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	api := flags.String("runtime-interface-emulator-address", "0.0.0.0:8080", "where to listen for invocations")
	runtime := flags.String("runtime-api-address", "", "where to serve the Runtime API")
	flags.String("log-level", "", "accepted and ignored")
	flags.Bool("enable-init-caching", false, "accepted and ignored")
	if err := flags.Parse(args); err != nil {
		return nil, mistake("%v; usage: %s [--runtime-interface-emulator-address ADDRESS] [--runtime-api-address ADDRESS]"+
			" [BOOTSTRAP [ARGUMENT...] HANDLER]", err, RIEName)
	}
	if err := c.command(flags.Args()); err != nil {
		return nil, err
	}
	for _, address := range []string{*api, *runtime} {
		if _, _, err := net.SplitHostPort(address); err != nil && address != "" {
			return nil, mistake("%q is not an address of the form HOST:PORT", address)
		}
	}
	c.APIAddress = *api
	c.RuntimeAddress = []string{"127.0.0.1:9001", "127.0.0.1:0"}
	if *runtime != "" {
		c.RuntimeAddress = []string{*runtime}
	}
	return c, c.rest(rieMemory)
}

const rieMemory = 3008 // MB

func (c *Config) command(args []string) error {
	c.Handler = c.env["_HANDLER"]
	if len(args) == 0 {
		c.Bootstraps = []string{"/var/task/bootstrap", "/opt/bootstrap", defaultBootstrap}
		return nil
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return mistake("cannot run %s: %v", args[0], err)
	}
	c.Bootstraps, c.BootstrapArgs = []string{path}, args[1:]
	if len(args) > 1 {
		c.Handler = args[len(args)-1]
	}
	return nil
}

// rest reads what does not depend on the name of the program.
func (c *Config) rest(memory int) error {
	c.function()
	if err := c.limits(memory); err != nil {
		return err
	}
	if err := c.logging(); err != nil {
		return err
	}
	return c.concurrency()
}
