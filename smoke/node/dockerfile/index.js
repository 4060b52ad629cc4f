const answer = require('answer')

exports.handler = (event, context, callback) => callback(null, answer())
