// Lambda's Runtime API: the next event, and what became of it.
'use strict'

const childProcess = require('child_process')
const http = require('http')

const ADDRESS = (process.env.AWS_LAMBDA_RUNTIME_API || '127.0.0.1:9001').split(':')
const PREFIX = '/2018-06-01/runtime'
const LAST_WORDS = 5000 // milliseconds that a process which ends waits for its report to arrive
// A free connection of an agent does not keep the event loop alive, which is what `callbackWaitsForEmptyEventLoop` needs.
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

function call(method, path, headers, body, done) {
  const options = { agent, headers, method, hostname: ADDRESS[0], port: ADDRESS[1] || 80, path: PREFIX + path }
  const request = http.request(options, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk) => { text += chunk })
    response.on('end', () => done(response, text))
  })
  // Without the API there is nothing to run for, and nobody to tell.
  request.on('error', (error) => {
    process.stderr.write(`the Runtime API does not answer: ${error.message}\n`)
    process.removeAllListeners('exit')
    process.exit(1)
  })
  request.end(body)
}

function post(path, failed, body, done) {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
  if (failed) headers['Lambda-Runtime-Function-Error-Type'] = failed
  call('POST', path, headers, body, done)
}

function outcomePath(id, outcome) {
  return `/invocation/${id}/${outcome.failed ? 'error' : 'response'}`
}

exports.next = function (done) {
  call('GET', '/invocation/next', {}, '', (response, body) => done(response.headers, body))
}

exports.report = function (id, outcome, done) {
  post(outcomePath(id, outcome), outcome.failed, outcome.body, done)
}

exports.reportInit = function (outcome, done) {
  post('/init/error', outcome.failed, outcome.body, done)
}

// A process that is about to end has no event loop any more, so another one makes the call while this one waits.
exports.reportNow = function (id, outcome) {
  const words = [require.resolve('./last-words'), id, JSON.stringify(outcome)]
  childProcess.spawnSync(process.execPath, words, { stdio: 'ignore', timeout: LAST_WORDS })
}
