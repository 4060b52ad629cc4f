'use strict'

const answer = require('./build/Release/answer.node')

exports.handler = (event, context, callback) => callback(null, { answer: answer() })
