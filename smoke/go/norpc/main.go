// A bootstrap in Go: aws-lambda-go without the RPC of go1.x, which the tag lambda.norpc leaves out.
package main

import "github.com/aws/aws-lambda-go/lambda"

func handle() (map[string]int, error) {
	return map[string]int{"answer": 42}, nil
}

func main() { lambda.Start(handle) }
