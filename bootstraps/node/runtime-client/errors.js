// What callers get: {errorMessage, errorType, stackTrace}, as these runtimes wrote it.
'use strict'

const path = require('path')

// Answers as the callback takes them: an error, or a result.
exports.outcome = function (error, result) {
  if (error !== null && error !== undefined) return failure('Handled', describe(error, 1))
  try {
    const body = JSON.stringify(result)
    return { failed: '', body: body === undefined ? 'null' : body }
  } catch (unwritable) {
    unwritable.message = `Unable to stringify response body as json: ${unwritable.message}`
    return failure('Handled', describe(unwritable, 1))
  }
}

// These two lines of a stack are what Node.js says of itself while it loads a module.
exports.loadFailure = function (error) {
  return failure('Unhandled', error.plain ? { errorMessage: error.message } : describe(error, 2))
}

exports.exitFailure = function (id) {
  return failure('Unhandled', { errorMessage: `RequestId: ${id} Process exited before completing request` })
}

// For ways to fail that are failures even with nothing said.
exports.orUnknown = function (error) {
  return error === null || error === undefined ? { toString: () => null } : error
}

function failure(kind, document) {
  return { failed: kind, body: JSON.stringify(document) }
}

function describe(error, skip) {
  if (!(error instanceof Error)) return { errorMessage: error.toString() }
  return { errorMessage: error.message, errorType: error.name, stackTrace: frames(error, skip) }
}

// The stack down to where this code called the function.
function frames(error, skip) {
  const lines = String(error.stack || '').split('\n').slice(skip)
  const own = lines.findIndex((line) => line.indexOf(__dirname + path.sep) >= 0)
  return lines.slice(0, own < 0 ? lines.length : own).filter((line) => line).map((line) => line.replace(/^ *at /, ''))
}
