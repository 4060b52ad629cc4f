// An async handler in a CommonJS module, as it is written from nodejs8.10 on.
'use strict'

exports.handler = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  if (event.do === 'fail') throw new RangeError('told to fail')
  return { echo: event.echo }
}
