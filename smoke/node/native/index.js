const answer = require('./build/Release/answer.node')

exports.handler = async () => ({ answer: answer() })
