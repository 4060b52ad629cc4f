package invokeapi

import (
	"net/http"
	"net/url"
	"strings"
)

// Lengths that a name and a qualifier may have. (botocore, NamespacedFunctionName
// and NumericLatestPublishedOrAliasQualifier)
const (
	longestName      = 256
	longestQualifier = 128
)

// qualify checks the names in a request and returns the ARN that the function
// is told it was invoked by.
func (h *Handler) qualify(name, query string) (string, *problem) {
	qualifier, ok := parseName(name)
	if !ok || len(name) > longestName {
		return "", invalidValue(name, "functionName", "Member must be the name, the ARN or a partial ARN of a function")
	}
	if query != "" {
		values, err := url.ParseQuery(query)
		given := values.Get("Qualifier")
		if err != nil || given != "" && !isQualifier(given) {
			return "", invalidValue(given, "qualifier", "Member must be a version, an alias or $LATEST")
		}
		if given != "" && qualifier != "" && given != qualifier {
			return "", userProblem(http.StatusBadRequest, "InvalidParameterValueException",
				"The derived qualifier from the function name does not match the specified qualifier.")
		}
		if given != "" {
			qualifier = given
		}
	}
	if qualifier == "" {
		return h.identity.ARN, nil
	}
	return h.identity.ARN + ":" + qualifier, nil
}

// parseName takes the forms that a function may be named by apart: a name, with
// or without a qualifier, after as much of an ARN as is given.
func parseName(text string) (qualifier string, ok bool) {
	parts := strings.Split(text, ":")
	if parts[0] == "arn" {
		if len(parts) < 7 || !strings.HasPrefix(parts[1], "aws") || parts[2] != "lambda" {
			return "", false
		}
		parts = parts[3:]
	}
	for _, fits := range []func(string) bool{isRegion, isAccount, isFunctionWord} {
		if len(parts) > 1 && fits(parts[0]) {
			parts = parts[1:]
		}
	}
	if len(parts) == 2 {
		qualifier = parts[1]
		ok = isQualifier(qualifier)
	}
	return qualifier, isWord(parts[0], ".") && (len(parts) == 1 || ok)
}

// isRegion tells us-east-1 from a function's name, by its two letters in front
// and its one digit at the end.
func isRegion(s string) bool {
	s = strings.TrimPrefix(s, "eusc-")
	n := len(s)
	return n > 5 && s[2] == '-' && s[n-2] == '-' && isDigits(s[n-1:]) && isWord(s, "")
}

func isAccount(s string) bool { return len(s) == 12 && isDigits(s) }

func isFunctionWord(s string) bool { return s == "function" }

func isQualifier(s string) bool {
	return s == "$LATEST" || s == "$LATEST.PUBLISHED" || len(s) <= longestQualifier && isWord(s, "")
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// isWord tells whether s consists of letters, digits, - and _, and of what else
// is allowed.
func isWord(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '-' || c == '_' || strings.IndexByte(more, c) >= 0) {
			return false
		}
	}
	return s != ""
}
