// What the smoke tests invoke in a Node.js image: it tells what it sees, or fails when told to.
'use strict'

const fs = require('fs')
const os = require('os')

const PROCESS = `${process.pid}-${process.hrtime.bigint()}`
let count = 0

exports.handler = async (event, context) => {
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

function writable(folder) {
  try {
    fs.writeFileSync(`${folder}/written`, '')
    return true
  } catch {
    return false
  }
}

function layer(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
