// Runs a function in the Node.js runtimes that predate Lambda's Runtime API (4.3, 6.10, 8.10): what AWS's own runtime did
// in them, over that API. Written for Node.js 4, without dependencies.
'use strict'

const api = require('./api')
const errors = require('./errors')
const handlers = require('./handlers')
const Invocation = require('./invocation')
const logs = require('./logs')

const UNCAUGHT = 1

let current = null

function next(handler) {
  api.next((headers, body) => {
    current = new Invocation(handler, headers, (outcome) => {
      const id = current.id
      current = null
      api.report(id, outcome, () => next(handler))
    })
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] || ''
    logs.setRequestId(current.id)
    current.start(body)
  })
}

function load() {
  try {
    return handlers.load(process.env.LAMBDA_TASK_ROOT || '/var/task', process.env._HANDLER || '')
  } catch (error) {
    logs.writeLoadError(error)
    api.reportInit(errors.loadFailure(error.cause || error), () => process.exit(UNCAUGHT))
    return null
  }
}

// The event loop is empty: whoever waited for it has its answer now, and who never called back gets null.
process.on('beforeExit', () => {
  if (current) current.finish()
})

process.on('uncaughtException', (error) => {
  console.error(error && error.stack ? error.stack : error)
  process.exit(UNCAUGHT)
})

process.on('exit', () => {
  if (current) api.reportNow(current.id, errors.exitFailure(current.id))
})

logs.patchConsole()
const handler = load()
if (handler) next(handler)
