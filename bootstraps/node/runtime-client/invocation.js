// One invocation: the handler is called with event, context and callback; the first answer counts.
'use strict'

const errors = require('./errors')

const PROMISES = Number(process.versions.node.split('.')[0]) >= 8 // nodejs8.10 was the first to take a promise

class Invocation {
  constructor(handler, headers, report) {
    this.id = headers['lambda-runtime-aws-request-id']
    this.handler = handler
    this.headers = headers
    this.report = report
    this.outcome = null
    this.finished = false
    this.context = this.createContext()
  }

  start(body) {
    let event
    try {
      event = JSON.parse(body)
    } catch (error) {
      this.leave(error)
      return
    }
    const handler = this.handler // called by itself: this object is none of the function's business
    const returned = handler(event, this.context, (error, result) => this.settle(error, result))
    if (PROMISES && returned && typeof returned.then === 'function') {
      returned.then((result) => this.leave(null, result), (error) => this.leave(errors.orUnknown(error)))
    }
  }

  // The callback's way: the answer goes out now, or when the event loop is empty.
  settle(error, result) {
    if (!this.outcome) this.outcome = errors.outcome(error, result)
    if (!this.context.callbackWaitsForEmptyEventLoop) this.finish()
  }

  // The way of done, succeed, fail and promises: whatever is still under way is not waited for.
  leave(error, result) {
    this.context.callbackWaitsForEmptyEventLoop = false
    this.settle(error, result)
  }

  finish() {
    if (this.finished) return
    this.finished = true
    this.report(this.outcome || errors.outcome(null))
  }

  createContext() {
    const headers = this.headers
    const deadline = Number(headers['lambda-runtime-deadline-ms'])
    const context = {
      callbackWaitsForEmptyEventLoop: true,
      done: (error, result) => this.leave(error, result),
      succeed: (result) => this.leave(null, result),
      fail: (error) => this.leave(errors.orUnknown(error)),
      logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
      invokeid: this.id,
      awsRequestId: this.id,
      invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    }
    const client = parse(headers['lambda-runtime-client-context'])
    const identity = parse(headers['lambda-runtime-cognito-identity'])
    if (client) context.clientContext = client
    if (identity) context.identity = readIdentity(identity)
    return context
  }
}

function parse(header) {
  try {
    return header ? JSON.parse(header) : null
  } catch (error) {
    return null
  }
}

function readIdentity(sent) {
  return {
    cognitoIdentityId: sent.cognitoIdentityId || sent.identity_id,
    cognitoIdentityPoolId: sent.cognitoIdentityPoolId || sent.identity_pool_id,
  }
}

module.exports = Invocation
