// What the smoke tests invoke in a Node.js image: it tells what it sees, or fails when told to. Written for Node.js 4, and
// answering in the way that the runtime knows: by callback up to 6.10, by promise from 8.10 on.
'use strict'

const fs = require('fs')
const os = require('os')

const PROCESS = `${process.pid}-${process.hrtime().join('.')}`
const PROMISES = Number(process.versions.node.split('.')[0]) >= 8
let count = 0

function handle(event, context) {
  count += 1
  if (event.say) console.log(event.say)
  if (event.do === 'fail') throw new RangeError('told to fail')
  return {
    event,
    context: {
      name: context.functionName,
      version: context.functionVersion,
      memory: context.memoryLimitInMB,
      arn: context.invokedFunctionArn,
      request_id: context.awsRequestId,
      remaining_ms: context.getRemainingTimeInMillis(),
    },
    version: process.versions.node,
    machine: { x64: 'x86_64', arm64: 'aarch64' }[os.arch()],
    uid: process.getuid(),
    gid: process.getgid(),
    cwd: process.cwd(),
    writable: writable('/var/task'),
    layer: layer('/opt/layer.txt'),
    process: PROCESS,
    count,
  }
}

function withCallback(event, context, callback) {
  let result
  try {
    result = handle(event, context)
  } catch (error) {
    callback(error)
    return
  }
  callback(null, result)
}

function withPromise(event, context) {
  return Promise.resolve().then(() => handle(event, context))
}

exports.handler = PROMISES ? withPromise : withCallback

function writable(folder) {
  try {
    fs.writeFileSync(`${folder}/written`, '')
    return true
  } catch (error) {
    return false
  }
}

function layer(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    return null
  }
}
