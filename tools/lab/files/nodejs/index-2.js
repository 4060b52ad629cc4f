// Starts AWS's runtime client, aws-lambda-ric 2, on the function's directory. Its addon is that of the later releases, which
// does without a call of theirs, and gives the deadline as a number, of which this client makes nothing.
'use strict'

const client = './node_modules/aws-lambda-ric'
const deadline = 'lambda-runtime-deadline-ms'
const addon = require(`${client}/build/Release/runtime-client.node`)
const next = addon.next

addon.initializeClient = () => {}
addon.next = async () => {
  const invocation = await next()
  invocation.headers[deadline] = String(invocation.headers[deadline])
  return invocation
}
require(client).run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER)
