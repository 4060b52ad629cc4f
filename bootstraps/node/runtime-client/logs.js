// What the function prints: the console's lines have a time and the request's id, as they did before levels came.
'use strict'

const util = require('util')

let requestId

exports.setRequestId = function (id) {
  requestId = id
}

exports.patchConsole = function () {
  for (const name of ['log', 'info', 'warn', 'error']) console[name] = write
}

// Bare: no invocation is to blame for a module that does not load.
exports.writeLoadError = function (error) {
  const cause = error.cause
  const stack = cause && cause.stack ? `\n${cause.stack.split('\n').slice(1).join('\n')}` : ''
  process.stdout.write(`${error.message}${cause ? `: ${cause.name}` : ''}${stack}\n`)
}

function write() {
  process.stdout.write(`${new Date().toISOString()}\t${requestId}\t${util.format.apply(util, arguments)}\n`)
}
