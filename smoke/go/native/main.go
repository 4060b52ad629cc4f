// A function that asks C, by cgo.
package main

/*
static int answer(void) { return 42; }
*/
import "C"

import "github.com/aws/aws-lambda-go/lambda"

func handle() (map[string]int, error) {
	return map[string]int{"answer": int(C.answer())}, nil
}

func main() { lambda.Start(handle) }
