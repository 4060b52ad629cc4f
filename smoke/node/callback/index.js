// Handlers with a callback, and with the methods of the context that came before it. Lambda took them up to Node.js 22.
'use strict'

exports.handler = (event, context, callback) => {
  if (event.do === 'fail') {
    callback(new RangeError('told to fail'))
    return
  }
  callback(null, { echo: event.echo })
}

exports.early = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false
  setInterval(() => {}, 1000)
  callback(null, { echo: event.echo })
}

exports.context = (event, context) => {
  if (event.do === 'fail') context.fail(new RangeError('told to fail'))
  else context.succeed({ echo: event.echo })
}
